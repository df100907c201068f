import type { DiagnosisReport, Symptom } from "../protocol.js";
import { button, el, section, sentence } from "./dom.js";
import { place, wish } from "./links.js";

const TROUBLES: Readonly<Record<Symptom["trouble"], string>> = {
  recompilation: "Compiled again",
  transfer: "Waits for the host",
  leak: "A tracer leaks",
  "key-reuse": "A key is used twice",
  "non-finite": "NaN or infinity",
  dispatch: "Calling is what costs",
  exception: "Raised",
};

export function diagnosis(report: DiagnosisReport): HTMLElement[] {
  const { symptoms, calls, checked } = report;
  const clean = symptoms.length === 0;
  const verdict = clean ? `Nothing found in ${calls} calls.` : `${symptoms.length} found in ${calls} calls.`;
  return [
    el("div", `banner verdict ${clean ? "good" : "unsure"}`, el("strong", "", clean ? "Clean" : "Look here"), verdict),
    ...symptoms.map((one) => symptom(one, report.target.path)),
    section("What was looked for", el("p", "quiet", checked.map((name) => TROUBLES[name].toLowerCase()).join(" · "))),
  ];
}

function symptom({ trouble, message, path, line, text, count, rule }: Symptom, target: string): HTMLElement {
  const where = place(path, line, target);
  return section(
    `${TROUBLES[trouble]}${count > 1 ? `, ${count} times a call` : ""}`,
    el("p", "", where ? el("span", "", "Line ", where, ": ") : undefined, sentence(message)),
    text === "" ? undefined : el("pre", "", text),
    rule === null
      ? undefined
      : button(`What ${rule} says`, "link", () => {
          wish({ wish: "rule", rule });
        }),
  );
}
