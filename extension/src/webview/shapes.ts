import type { Local, ShapesReport } from "../protocol.js";
import { el, section, sentence, table } from "./dom.js";
import { fileName, place } from "./links.js";

export function shapes(report: ShapesReport): HTMLElement[] {
  return [stopped(report), el("p", "quiet", how(report)), ...functions(report)].filter((part) => part !== undefined);
}

function stopped({ failure, target }: ShapesReport): HTMLElement | undefined {
  if (!failure) return undefined;
  const where = place(failure.path, failure.line, target.path);
  return el("div", "banner verdict bad", el("strong", "", "Tracing stopped"), sentence(failure.message), where);
}

function how({ how: way, dimensions }: ShapesReport): string {
  if (way === "symbolic") return `These hold for every ${Object.keys(dimensions).join(", ")}. Nothing was computed.`;
  if (way === "two sizes") {
    const sizes = Object.entries(dimensions).map(([name, size]) => `${name} = ${size}`);
    return `Inferred from two traces, with ${sizes.join("; ")}. Nothing was computed.`;
  }
  return "With these sizes. Nothing was computed.";
}

function functions({ locals, target }: ShapesReport): HTMLElement[] {
  const groups = new Map<string, Local[]>();
  for (const one of locals) {
    const key = `${one.path}\n${one.function}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((found) => {
    const [first] = found;
    const elsewhere = first && first.path !== target.path ? ` in ${fileName(first.path)}` : "";
    const rows = found.map((one) => [
      place(one.path, one.line, one.path),
      el("code", "", one.name),
      el("code", "", one.shapes.join(" | ")),
    ]);
    const grid = table(["Line", "Variable", "Shape and dtype"], rows);
    grid.classList.add("locals");
    return section(`${first?.function ?? ""}${elsewhere}`, grid);
  });
}
