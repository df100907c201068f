import type { GradientLeaf, GradientsReport } from "../protocol.js";
import { el, facts, section, sentence, table } from "./dom.js";
import { scientific } from "./units.js";

const GOOD = new Set(["right", "intended", "unused"]);
const BAD = new Set(["wrong", "non-finite", "dead"]);

export function gradients(report: GradientsReport): HTMLElement[] {
  return [
    section("Leaves of the arguments", leaves(report.leaves)),
    section(
      "How it was checked",
      facts(
        ["Reverse against forward mode", report.forward_reverse_error === null ? null : `relative error ${scientific(report.forward_reverse_error)}`],
        ["Reference", `central differences in ${report.precision}, ${report.directions} random directions`],
        ["Meant to differ", report.intended],
      ),
    ),
  ];
}

function leaves(all: readonly GradientLeaf[]): HTMLElement {
  const rows = all.map((leaf) => [
    el("div", "", el("code", "", leaf.path), leaf.message === null ? undefined : el("p", "quiet", sentence(leaf.message))),
    el("code", "", `${leaf.dtype}[${leaf.shape.join(",")}]`),
    el("span", `badge ${tone(leaf.verdict)}`, leaf.verdict),
    scientific(leaf.analytic),
    scientific(leaf.numeric),
    scientific(leaf.error),
  ]);
  const grid = table(["Leaf", "Type", "Verdict", "JAX", "Reference", "Relative error"], rows);
  grid.classList.add("leaves");
  return grid;
}

export function tone(verdict: string): "good" | "bad" | "unsure" {
  if (GOOD.has(verdict)) return "good";
  return BAD.has(verdict) ? "bad" : "unsure";
}
