import type { PlacedArray, ShardingReport } from "../protocol.js";
import { bullets, el, facts, section, table, tile } from "./dom.js";
import { lineTable, place } from "./links.js";
import { bytes, count, duration } from "./units.js";

const MOST_ROWS = 40;

export function sharding(report: ShardingReport): HTMLElement[] {
  return [
    numbers(report),
    unfinished(report),
    simulated(report),
    sent(report),
    repeated(report),
    arrays("Arguments", report.arguments),
    arrays("Results", report.results),
    troubles(report),
    estimate(report),
  ].filter((part) => part !== undefined);
}

function numbers({ devices, mesh, work, collectives }: ShardingReport): HTMLElement {
  const axes = mesh ? mesh.axes.map((axis) => `${axis.name} = ${axis.size}`).join(", ") : "no mesh";
  const share = work.whole_flops === null || work.flops === 0 ? "" : `of ${count(work.whole_flops)} FLOP on one device alone`;
  const held = work.outputs === null ? null : work.arguments + work.outputs + (work.temporary ?? 0);
  const leaving = collectives.reduce((sum, one) => sum + one.sent, 0);
  return el(
    "div",
    "numbers",
    tile("Devices", String(devices), mesh ? `${axes} (${mesh.source})` : axes),
    tile("Work on each", work.flops === null ? "not known" : `${count(work.flops)} FLOP`, share),
    held === null
      ? tile("Memory on each", bytes(work.arguments), "arguments alone")
      : tile("Memory on each", bytes(held), "arguments, outputs and temporaries"),
    tile("Sent by each", bytes(leaving), "in one call"),
  );
}

function unfinished(report: ShardingReport): HTMLElement | undefined {
  if (report.unfinished === null) return undefined;
  return el("div", "banner", `This is what was known before the rest was: ${report.unfinished}. \`runner.timeout\` gives more time.`);
}

function simulated(report: ShardingReport): HTMLElement | undefined {
  if (!report.simulated || report.devices < 2) return undefined;
  return el("div", "banner", "The devices are simulated by this machine's CPU: the structure is right, times would mean nothing.");
}

function sent({ collectives, target }: ShardingReport): HTMLElement | undefined {
  if (collectives.length === 0) return undefined;
  const rows = collectives.slice(0, MOST_ROWS).map((one) => [
    place(one.path, one.line, target.path),
    `${one.open_ended ? "≥ " : ""}${count(one.times)} × ${one.operation}`,
    `${one.group}${one.axes.length > 0 ? ` (${one.axes.join(", ")})` : ""}`,
    bytes(one.sent),
    el("code", "", one.text),
  ]);
  return section("What each device sends in a call", lineTable(["Operation", "Among", "Bytes"], rows));
}

function repeated({ replicated, devices, target }: ShardingReport): HTMLElement | undefined {
  if (replicated.length === 0 || devices < 2) return undefined;
  const rows = replicated.slice(0, MOST_ROWS).map((one) => [
    place(one.path, one.line, target.path),
    `× ${one.times.toPrecision(3)}`,
    `${count(one.flops)} FLOP on each`,
    el("code", "", one.text),
  ]);
  return section("Work that several devices do alike", lineTable(["", "Work"], rows));
}

function arrays(title: string, all: readonly PlacedArray[]): HTMLElement | undefined {
  if (all.length === 0) return undefined;
  const largest = [...all].sort((a, b) => b.bytes_per_device - a.bytes_per_device).slice(0, MOST_ROWS);
  const rows = largest.map((one) => [
    el("code", "", one.name),
    el("code", "", one.value),
    el("code", "", one.sharding),
    bytes(one.bytes_per_device),
    one.copies > 1 ? `the same on ${one.copies} devices${one.could === null ? "" : `; could split ${one.could}`}` : "",
  ]);
  return section(title, table(["Array", "Whole", "Sharding", "On each device", ""], rows));
}

function troubles({ moved, uneven, agreement }: ShardingReport): HTMLElement | undefined {
  const lines = [
    ...(agreement === null ? [] : [agreement]),
    ...moved.map((one) => `\`${one.argument}\` (${bytes(one.bytes)}) goes in as ${one.went} and comes back as ${one.came}: the next call moves it, or compiles anew`),
    ...uneven.map((one) => `${one.value} is split ${one.parts} ways along dimension ${one.dimension}, which does not come out even`),
  ];
  return lines.length === 0 ? undefined : section("What costs more than it has to", bullets(lines));
}

function estimate({ estimate: model, devices }: ShardingReport): HTMLElement | undefined {
  if (!model || devices < 2) return undefined;
  return section(
    "Estimate (nothing was measured)",
    facts(
      ["A call", `${duration(model.low)} to ${duration(model.high)}`],
      ["Computing", duration(model.compute)],
      ["Sending", duration(model.communication)],
      ["One device alone", model.one_device === null ? null : duration(model.one_device)],
      ["Assuming", `${devices} × ${model.accelerator}: ${count(model.flops_per_second)}FLOP/s in ${model.dtype}, ${bytes(model.link_bytes_per_second)}/s sent by each (${model.source})`],
    ),
  );
}
