/** The page of the results panel: draws a report, asks the extension for what it cannot do itself. */

import type { Environment, Failure, GradientsReport, Input } from "../protocol.js";
import { text } from "../text.js";
import type { News, RunReport, View, Wish } from "../views/view.js";
import { benchmark } from "./benchmark.js";
import { diagnosis } from "./diagnosis.js";
import { bullets, button, el, facts, folded, section, sentence, table } from "./dom.js";
import { gradients, tone } from "./gradients.js";
import { inspection } from "./inspection.js";
import { fileName, lineName, link, onWish, tellByCell } from "./links.js";
import { shapes } from "./shapes.js";
import { sharding } from "./sharding.js";

interface Api {
  postMessage(wish: Wish): void;
  setState(view: View): void;
  getState(): View | undefined;
}

declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
onWish((wish) => {
  api.postMessage(wish);
});
const page = document.querySelector("main");
let stale = false;

function draw(view: View): void {
  const { outcome } = view;
  tellByCell(outcome.status === "done" ? outcome.report.target.cells : []);
  const body = outcome.status === "done" ? done(outcome.report) : failed(outcome.failure);
  page?.replaceChildren(header(view), staleBanner(), ...body);
}

function header({ run, outcome }: View): HTMLElement {
  const target = outcome.status === "done" ? outcome.report.target : undefined;
  const name = el("h1", "", `${text.report[run.kind]} of `, el("code", "", run.target));
  const place = target && link(`${fileName(target.path)}:${lineName(target.line)}`, target.path, target.line);
  const device = outcome.status === "done" ? ` · ${where(outcome.report.environment)}` : "";
  return el(
    "header",
    "",
    el("div", "", name, el("p", "quiet", place, target ? ` · ${target.how}` : undefined, device)),
    el(
      "div",
      "actions",
      button("Run again", "primary", () => {
        api.postMessage({ wish: "again" });
      }),
      button("Copy as JSON", "", () => {
        api.postMessage({ wish: "copy" });
      }),
      button("Output", "", () => {
        api.postMessage({ wish: "output" });
      }),
    ),
  );
}

function where({ device_kind: device, device_count: devices, jax }: Environment): string {
  return `${devices > 1 ? `${devices} × ` : ""}${device} · JAX ${jax}`;
}

function staleBanner(): HTMLElement {
  const banner = el("div", "banner warning", "The code has changed since: these are the results of its earlier text.");
  banner.id = "stale";
  banner.hidden = !stale;
  return banner;
}

function done(report: RunReport): HTMLElement[] {
  const notes = bullets(report.notes);
  return [
    ...findings(report),
    section("Inputs", inputs(report.inputs)),
    ...(notes ? [section("Notes", notes)] : []),
    folded("Environment", environment(report)),
  ];
}

function findings(report: RunReport): HTMLElement[] {
  switch (report.kind) {
    case "benchmark":
      return benchmark(report);
    case "gradients":
      return [verdict(report), ...gradients(report)];
    case "inspection":
      return inspection(report);
    case "shapes":
      return shapes(report);
    case "sharding":
      return sharding(report);
    case "diagnosis":
      return diagnosis(report);
  }
}

function verdict({ verdict: word, summary, culprit }: GradientsReport): HTMLElement {
  return el(
    "div",
    `banner verdict ${tone(word)}`,
    el("strong", "", word),
    sentence(summary),
    culprit ? link(`${fileName(culprit.path)}:${lineName(culprit.line)}`, culprit.path, culprit.line) : undefined,
  );
}

function inputs(all: readonly Input[]): HTMLElement {
  if (all.length === 0) return el("p", "quiet", "The function takes no arguments.");
  const rows = all.map((input) => [el("code", "", input.name), el("code", "", input.value), input.source, input.note ?? ""]);
  return table(["Argument", "Value", "From", ""], rows);
}

function environment({ environment: on, target }: RunReport): HTMLElement {
  const flags = Object.entries(on.flags).map(([name, value]) => `${name}=${value}`);
  const libraries = Object.entries(on.libraries).map(([name, version]) => `${name} ${version}`);
  return facts(
    ["Python", `${on.python} (${on.executable})`],
    ["JAX", `${on.jax}, jaxlib ${on.jaxlib}${on.x64 ? ", 64 bit enabled" : ""}`],
    ["Libraries", libraries.join(", ")],
    ["Device", `${on.device_count} × ${on.device_kind} (${on.platform})`],
    ["System", `${on.system}, ${on.cpu_count} CPUs`],
    ["Flags", flags.join(" ")],
    ["Text that was run", target.hash.slice(0, 12)],
  );
}

function failed(failure: Failure): HTMLElement[] {
  const place = failure.path !== null && failure.line !== null ? link(`${fileName(failure.path)}:${failure.line}`, failure.path, failure.line) : undefined;
  const choose = ["no-jax", "old-jax", "old-python", "missing-module", "start"].includes(failure.kind);
  return [
    el("div", "banner verdict bad", el("strong", "", "No result"), el("span", "message", sentence(failure.message)), place),
    el("p", "quiet", `It ended in the phase “${failure.phase}”.`),
    ...(choose
      ? [
          button("Choose the interpreter for runs", "primary", () => {
            api.postMessage({ wish: "interpreter" });
          }),
        ]
      : []),
    ...(failure.traceback === null ? [] : [folded("Traceback", el("pre", "", failure.traceback))]),
  ];
}

addEventListener("message", (event: MessageEvent<News>) => {
  const news = event.data;
  stale = news.stale;
  if (news.news === "view") {
    api.setState(news.view);
    draw(news.view);
  } else {
    document.querySelector("#stale")?.toggleAttribute("hidden", !stale);
  }
});

// the colours of a chart are fixed when it is drawn: another theme, another drawing
new MutationObserver(() => {
  const view = api.getState();
  if (view) draw(view);
}).observe(document.body, { attributes: true, attributeFilter: ["data-vscode-theme-id"] });

const kept = api.getState();
if (kept) draw(kept);
api.postMessage({ wish: "ready" });
