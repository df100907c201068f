import type { BenchmarkReport, DeviceTime, Interval, Memory, Stages } from "../protocol.js";
import { bullets, button, el, facts, section, table, tile } from "./dom.js";
import { histogram } from "./histogram.js";
import { lineTable, place, share } from "./links.js";
import { bytes, count, duration, percent } from "./units.js";

export function benchmark(report: BenchmarkReport): HTMLElement[] {
  return [
    numbers(report),
    unstable(report),
    distribution(report),
    stages(report.stages),
    report.device ? onDevice(report.device, report.target.path) : undefined,
    resources(report),
  ].filter((part) => part !== undefined);
}

function numbers({ latency, throughput, stages: parts, memory }: BenchmarkReport): HTMLElement {
  const compiled = parts.trace + parts.lower + parts.compile;
  return el(
    "div",
    "numbers",
    tile("Latency", duration(latency.median), spread(latency), "One call and its result"),
    throughput
      ? tile("Throughput", `${count(1 / throughput.median)}/s`, `${duration(throughput.median)} per queued call`, "Calls that do not wait for each other")
      : undefined,
    tile("Compile", duration(compiled), "once, before the first call", "Trace, lower and compile"),
    memory ? tile("Memory", bytes(footprint(memory)), "as the compiler says", "Arguments, outputs and temporaries") : undefined,
  );
}

function footprint(memory: Memory): number {
  return memory.arguments + memory.outputs + memory.temporary - memory.alias;
}

function spread(interval: Interval): string {
  const half = interval.median > 0 ? (interval.high - interval.low) / 2 / interval.median : 0;
  return `± ${percent(half)} (${percent(interval.confidence)} confidence)`;
}

function unstable(report: BenchmarkReport): HTMLElement | undefined {
  if (report.verdict === "ok") return undefined;
  return el("div", "banner warning", el("strong", "", "Not a steady measurement."), bullets(report.reasons));
}

function distribution({ latency, throughput, samples }: BenchmarkReport): HTMLElement {
  const place = el("div", "");
  const choices = [
    { name: "Latency", values: samples.latency, interval: latency },
    ...(throughput ? [{ name: "Throughput", values: samples.throughput, interval: throughput }] : []),
  ];
  const buttons = choices.map((choice) =>
    button(choice.name, "tab", () => {
      show(choice);
    }),
  );
  function show({ name, values, interval }: (typeof choices)[number]): void {
    for (const item of buttons) item.setAttribute("aria-pressed", String(item.textContent === name));
    place.replaceChildren(histogram(values, interval), details(interval));
  }
  if (choices[0]) show(choices[0]);
  return section("Distribution of the samples", buttons.length > 1 ? el("div", "tabs", ...buttons) : undefined, place);
}

function details(interval: Interval): HTMLElement {
  const parts = [
    `median ${duration(interval.median)}`,
    `${percent(interval.confidence)} interval ${duration(interval.low)} to ${duration(interval.high)}`,
    `fastest ${duration(interval.minimum)}`,
    `90th percentile ${duration(interval.p90)}`,
    `${interval.samples} samples`,
    `${interval.outliers} outliers`,
  ];
  return el("p", "quiet", parts.join(" · "));
}

function stages(parts: Stages): HTMLElement {
  const rows = [
    ["Trace", parts.trace, "Python to jaxpr"],
    ["Lower", parts.lower, "jaxpr to StableHLO"],
    ["Compile", parts.compile, parts.persistent_cache ? "found in the persistent cache" : "StableHLO to machine code"],
    ["First call", parts.first_call, "the first execution"],
  ] as const;
  const longest = Math.max(...rows.map(([, seconds]) => seconds));
  const cells = rows.map(([name, seconds, note]) => {
    const bar = el("div", "bar");
    bar.style.width = `${longest > 0 ? Math.max((seconds / longest) * 100, 0.5) : 0}%`;
    return [name, duration(seconds), el("div", "track", bar), el("span", "quiet", note)];
  });
  const grid = table(["Stage", "Time", "", ""], cells);
  grid.classList.add("stages");
  return section("From Python to the first result", grid);
}

/** Time by source line, as the profiler saw it. */
function onDevice({ lines, busy, unmapped }: DeviceTime, target: string): HTMLElement | undefined {
  if (lines.length === 0) return undefined;
  const rows = lines.map((line) => [
    place(line.path, line.line, target),
    (line.estimated > 0.05 * line.seconds ? "≈ " : "") + duration(line.seconds),
    share(line.share),
    el("code", "", line.text),
  ]);
  const split = lines.some((line) => line.estimated > 0.05 * line.seconds)
    ? " ≈ operations that the compiler merged from several lines are split by the work in them: an estimate."
    : "";
  const rest = unmapped >= 0.01 ? ` ${percent(unmapped)} of the time belongs to no line.` : "";
  return section("Time of each line on the device", el("p", "quiet", `The device was busy for ${duration(busy)} of each call.${split}${rest}`), lineTable(["Time", "Share"], rows));
}

function resources({ memory, cost, dispatch_floor: floor, donated, achieved, eager }: BenchmarkReport): HTMLElement {
  return section(
    "What one call needs",
    facts(
      ["Floating-point operations", cost.flops === null ? null : `${count(cost.flops)} (loop bodies counted once)`],
      ["Bytes accessed", cost.bytes_accessed === null ? null : bytes(cost.bytes_accessed)],
      ["Arguments", memory && bytes(memory.arguments)],
      ["Outputs", memory && bytes(memory.outputs)],
      ["Temporaries", memory && bytes(memory.temporary)],
      ["Reused from donated arguments", memory && memory.alias > 0 ? bytes(memory.alias) : null],
      ["Generated code", memory && memory.generated_code > 0 ? bytes(memory.generated_code) : null],
      ["Peak, as the backend says", memory?.peak === null || memory === null ? null : bytes(memory.peak)],
      ["Donated", donated.join(", ")],
      ["Calling an empty function", floor && duration(floor.median)],
      ["Without jax.jit", eager && `${duration(eager.latency.median)}, compiling ${paid(eager.paid_after)}`],
      ["Achieved", achieved && `${count(achieved.flops)}FLOP/s${ofPeak(achieved.flops_share)}`],
      ["Moved", achieved && achieved.bytes !== null ? `${bytes(achieved.bytes)}/s${ofPeak(achieved.bytes_share)}` : null],
    ),
  );
}

function paid(after: number | null): string {
  return after === null ? "never pays" : `has paid after ${count(after)} calls`;
}

function ofPeak(value: number | null): string {
  return value === null ? "" : `, ${percent(value)} of the most this device was measured to do`;
}
