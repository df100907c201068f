import type { Conversion, InspectionReport, LineCost, ProgramText } from "../protocol.js";
import { bullets, button, el, facts, folded, section, tile } from "./dom.js";
import { lineTable, place, share } from "./links.js";
import { bytes, count, duration } from "./units.js";

const MOST_ROWS = 40;
const MOST_TEXT = 4000; // lines of a program's text that the page draws
const FORMS = { jaxpr: "Jaxpr", stablehlo: "StableHLO", hlo: "Optimised HLO" } as const;

export function inspection(report: InspectionReport): HTMLElement[] {
  return [
    numbers(report),
    costs(report),
    widened(report),
    communication(report),
    captured(report),
    memory(report),
    programs(report),
  ].filter((part) => part !== undefined);
}

function numbers({ flops, memory: needs, roofline, stages, machine }: InspectionReport): HTMLElement {
  const compiled = stages.trace + stages.lower + stages.compile;
  return el(
    "div",
    "numbers",
    tile("Work", `${count(flops)} FLOP`, "counted from the jaxpr, loops as often as they run"),
    needs && needs.peak !== null ? tile("Peak memory", bytes(needs.peak), "as the compiler says") : undefined,
    tile("Compile", duration(compiled), `trace ${duration(stages.trace)} · lower ${duration(stages.lower)} · compile ${duration(stages.compile)}`),
    roofline && machine
      ? tile("At least", duration(roofline.fastest), `${roofline.bound}-bound: ${roofline.intensity.toPrecision(3)} FLOP for each byte`)
      : undefined,
  );
}

function work(line: LineCost): number {
  return line.flops + line.transcendentals;
}

function costs({ lines, flops, transcendentals, target }: InspectionReport): HTMLElement | undefined {
  if (lines.length === 0) return undefined;
  const whole = flops + transcendentals;
  const rows = lines.slice(0, MOST_ROWS).map((line) => [
    place(line.path, line.line, target.path),
    `${line.open_ended ? "≥ " : ""}${count(work(line))}${line.unknown.length > 0 ? " ?" : ""}`,
    share(whole > 0 ? work(line) / whole : 0),
    bytes(line.bytes),
    el("code", "", line.text),
  ]);
  const unknown = [...new Set(lines.flatMap((line) => line.unknown))];
  const remarks = [
    ...(lines.length > MOST_ROWS ? [`${lines.length - MOST_ROWS} cheaper lines are left out.`] : []),
    ...(lines.some((line) => line.open_ended) ? ["≥: inside a `while` loop whose trips are not known, counted once."] : []),
    ...(unknown.length > 0 ? [`?: nobody can say what ${unknown.map((name) => `\`${name}\``).join(", ")} costs.`] : []),
  ];
  return section("Cost of each line", lineTable(["FLOP", "Share", "Moved, before fusion"], rows), bullets(remarks));
}

function widened({ conversions, target }: InspectionReport): HTMLElement | undefined {
  const unasked = conversions.filter((one) => one.widens && !one.written);
  if (unasked.length === 0) return undefined;
  const rows = unasked.map((one: Conversion) => [
    place(one.path, one.line, target.path),
    el("code", "", `${one.from_dtype} → ${one.to_dtype}`),
    `${count(one.elements)} elements`,
    el("code", "", one.text),
  ]);
  return section("Values that get wider although the line does not say so", lineTable(["Types", ""], rows));
}

function communication({ collectives, target }: InspectionReport): HTMLElement | undefined {
  if (collectives.length === 0) return undefined;
  const items = collectives.map((one) =>
    el("li", "", `${one.count} × ${one.operation}, ${bytes(one.bytes)} `, place(one.path, one.line, target.path)),
  );
  return section("Sent between devices", el("ul", "", ...items));
}

function captured({ constants, target }: InspectionReport): HTMLElement | undefined {
  if (constants.length === 0) return undefined;
  const items = constants.map((one) =>
    el("li", "", el("code", "", one.value), ` ${bytes(one.bytes)}, a constant of the executable `, place(one.path, one.line, target.path)),
  );
  return section("Captured arrays", el("ul", "", ...items));
}

function memory({ memory: needs, peak, donation, cost, roofline, machine, target }: InspectionReport): HTMLElement {
  const list = facts(
    ["Arguments", needs && bytes(needs.arguments)],
    ["Outputs", needs && bytes(needs.outputs)],
    ["Temporaries", needs && bytes(needs.temporary)],
    ["Donated", donation && `${donation.arguments.join(", ")}: ${bytes(donation.reused)} of ${bytes(donation.donated)} reused`],
    ["Donation", donation?.message],
    ["FLOP, as the compiler counts", cost.flops === null ? null : count(cost.flops)],
    ["Bytes accessed, as the compiler counts", cost.bytes_accessed === null ? null : bytes(cost.bytes_accessed)],
    ["Ridge of the roofline", roofline && `${roofline.ridge.toPrecision(3)} FLOP for each byte`],
    ["This device reached", machine && `${count(machine.flops_per_second)}FLOP/s, ${bytes(machine.bytes_per_second)}/s (${machine.dtype}, ${machine.measured})`],
  );
  const where = peak && place(peak.path, peak.line, target.path);
  const highest = peak && where ? el("p", "", `${bytes(peak.bytes)} live at once, before fusion, at line `, where) : undefined;
  return section("Memory and the compiler's own count", highest, list);
}

function programs({ programs: forms, target }: InspectionReport): HTMLElement | undefined {
  if (forms.length === 0) return undefined;
  const holder = el("div", "");
  const tabs = forms.map((form) =>
    button(FORMS[form.form], "tab", () => {
      show(form);
    }),
  );
  function show(form: ProgramText): void {
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === FORMS[form.form]));
    holder.replaceChildren(programText(form, target.path));
  }
  if (forms[0]) show(forms[0]);
  return folded("The program in all its forms", el("div", "tabs", ...tabs), holder);
}

function programText({ text, links }: ProgramText, target: string): HTMLElement {
  const at = new Map(links.map((one) => [one.text_line, one]));
  const lines = text.split("\n");
  const rows = lines.slice(0, MOST_TEXT).map((line, index) => {
    const source = at.get(index + 1);
    return el("div", "row", el("span", "gutter", source && place(source.path, source.line, target)), el("code", "", line));
  });
  const left = lines.length - rows.length;
  return el("div", "program", ...rows, left > 0 ? el("p", "quiet", `${left} more lines: “Copy as JSON” has all of them.`) : undefined);
}

