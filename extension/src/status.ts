import * as vscode from "vscode";

import type { ServerStatus } from "./messages.js";
import type { FoundInterpreter } from "./python.js";
import { NAME, text } from "./text.js";

/** The languages and places where findings are shown. */
export const SELECTOR = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
];

/** The item beside the language's name that says how we are. Its text is never empty. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.languages.createLanguageStatusItem("jaxsight.status", SELECTOR);

  constructor() {
    this.item.name = NAME;
    this.busy(text.status.starting);
  }

  busy(message: string): void {
    this.item.busy = true;
    this.show(message, "", vscode.LanguageStatusSeverity.Information);
  }

  /** Something is wrong; `command` is the way out. */
  problem(message: string, command: vscode.Command): void {
    this.item.busy = false;
    this.show(message, "", vscode.LanguageStatusSeverity.Error);
    this.item.command = command;
  }

  ready(python: FoundInterpreter, status: ServerStatus | undefined): void {
    this.item.busy = false;
    const versions = Object.entries(status?.versions ?? {})
      .filter(([library]) => library === "jax")
      .map(([, version]) => `JAX ${version}`);
    const trusted = vscode.workspace.isTrusted;
    const healthy = trusted && (status === undefined || status.health === "ok");
    const details = [
      trusted ? "" : text.status.restricted,
      status && status.health !== "ok" ? status.message : "",
      text.status.server(`Python ${python.version}, ${python.path} (${python.how})`),
      status?.interpreter ? text.status.runner(status.interpreter) : "",
      status?.configFile ? text.status.configuration(status.configFile) : "",
    ];
    this.show(
      text.status.ready(versions.join(", "), status?.rules ?? 0),
      details.filter((line) => line !== "").join(" · "),
      healthy ? vscode.LanguageStatusSeverity.Information : vscode.LanguageStatusSeverity.Warning,
    );
    this.item.command = trusted
      ? { command: "jaxsight.chooseInterpreter", title: text.action.chooseInterpreter }
      : { command: "workbench.trust.manage", title: text.action.manageTrust };
  }

  dispose(): void {
    this.item.dispose();
  }

  private show(message: string, detail: string, severity: vscode.LanguageStatusSeverity): void {
    this.item.text = message === "" ? NAME : message;
    this.item.detail = detail === "" ? NAME : detail;
    this.item.severity = severity;
    this.item.command = { command: "jaxsight.showServerLog", title: text.action.showLog };
  }
}
