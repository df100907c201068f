import * as vscode from "vscode";
import { LSPErrorCodes, ResponseError, WorkDoneProgress } from "vscode-languageclient/node";

import type { Server } from "./client.js";
import type { Channels } from "./log.js";
import { RUN, type RunParams } from "./messages.js";
import type { Question } from "./protocol.js";
import { findUserPython } from "./python.js";
import { text } from "./text.js";
import type { ReportPanel } from "./views/report.js";
import type { LensArgument, Outcome, Run, RunKind, RunResult } from "./views/view.js";

type Answers = Pick<RunParams, "input" | "importFile">;

const COMMANDS: Readonly<Record<RunKind, string>> = {
  benchmark: "jaxsight.benchmark",
  gradients: "jaxsight.checkGradients",
  inspection: "jaxsight.inspect",
  shapes: "jaxsight.showShapes",
  sharding: "jaxsight.showSharding",
  diagnosis: "jaxsight.diagnose",
};

/** Runs functions of the user's and shows what comes of it. */
export class Runs {
  private last: { run: Run; answers: Answers } | undefined;
  private count = 0;

  constructor(
    private readonly server: Server,
    private readonly channels: Channels,
    private readonly panel: ReportPanel,
  ) {}

  /** Run what a lens, or the cursor, points at. */
  async run(kind: RunKind, argument?: unknown): Promise<void> {
    if (!(await this.isAllowed())) return;
    const lens = isLensArgument(argument) ? argument : await this.lensAtCursor();
    if (lens) await this.follow({ kind, ...lens }, {});
  }

  /** Run once more what was run last, with the answers given then. */
  async again(run?: Run): Promise<void> {
    if (!(await this.isAllowed())) return;
    const last = this.last;
    if (last && (!run || isSame(run, last.run))) await this.follow(last.run, last.answers);
    else if (run) await this.follow(run, {});
    else await vscode.window.showInformationMessage(text.run.nothingYet);
  }

  private async isAllowed(): Promise<boolean> {
    if (!vscode.workspace.isTrusted) {
      const manage = text.action.manageTrust;
      const answer = await vscode.window.showWarningMessage(text.run.untrusted, manage);
      if (answer === manage) await vscode.commands.executeCommand("workbench.trust.manage");
      return false;
    }
    if (!this.server.running) {
      const show = text.action.showLog;
      const answer = await vscode.window.showErrorMessage(text.run.noServer, show);
      if (answer === show) this.channels.client.show();
      return false;
    }
    return true;
  }

  /** The function whose lenses are nearest above the cursor: which there are, the server says. */
  private async lensAtCursor(): Promise<LensArgument | undefined> {
    const editor = vscode.window.activeTextEditor;
    if (!editor) {
      await vscode.window.showInformationMessage(text.run.noEditor);
      return undefined;
    }
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      "vscode.executeCodeLensProvider",
      editor.document.uri,
    );
    const commands = Object.values(COMMANDS);
    const ours = lenses.filter((lens) => lens.command && commands.includes(lens.command.command));
    const above = ours.filter((lens) => lens.range.start.line <= editor.selection.active.line);
    const found = (above.at(-1) ?? ours[0])?.command?.arguments?.[0] as unknown;
    if (isLensArgument(found)) return found;
    await vscode.window.showInformationMessage(text.run.noTarget);
    return undefined;
  }

  /** Run, answer questions by asking the user, and run again until there is a last word. */
  private async follow(run: Run, given: Answers): Promise<void> {
    this.channels.runs.appendLine(`--- ${text.run[run.kind](run.target)}`);
    let answers = given;
    let asked: string | undefined;
    for (;;) {
      const result = await this.request(run, answers);
      if (!result) return; // cancelled
      this.last = { run, answers };
      if (result.status !== "question") {
        await this.panel.show({ run, outcome: result });
        if (asked !== undefined && result.status === "done") {
          await offerComment(run, asked, result.report.target.line);
        }
        return;
      }
      const answer = await ask(run, result.question);
      if (!answer) return;
      asked = answer.input ?? asked;
      answers = { ...answers, ...answer };
    }
  }

  private async request(run: Run, answers: Answers): Promise<RunResult | undefined> {
    const client = this.server.running;
    if (!client) return undefined;
    const workDoneToken = `jaxsight-run-${String(++this.count)}`;
    const interpreter = await findUserPython(vscode.Uri.parse(run.uri));
    const title = text.run[run.kind](run.target);
    return await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, cancellable: true, title },
      async (progress, token) => {
        const listening = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
          if (value.kind === "report" && value.message !== undefined) progress.report({ message: value.message });
        });
        const params: RunParams = { ...run, ...answers, workDoneToken, ...(interpreter === undefined ? {} : { interpreter }) };
        try {
          return await client.sendRequest(RUN, params, token);
        } catch (error) {
          if (token.isCancellationRequested || isCancelled(error)) return undefined;
          return failed(error);
        } finally {
          listening.dispose();
        }
      },
    );
  }
}

function isSame(one: Run, other: Run): boolean {
  return one.uri === other.uri && one.target === other.target && one.kind === other.kind;
}

function isCancelled(error: unknown): boolean {
  return error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled;
}

/** A request that got no answer is shown like any other failure, in the panel. */
function failed(error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error);
  return {
    status: "failed",
    failure: { kind: "crash", message, traceback: null, phase: "start", path: null, line: null, exit_code: null },
  };
}

function isLensArgument(value: unknown): value is LensArgument {
  if (typeof value !== "object" || value === null) return false;
  const { uri, target } = value as Partial<LensArgument>;
  return typeof uri === "string" && typeof target === "string";
}

async function ask(run: Run, question: Question): Promise<Answers | undefined> {
  if (question.kind === "import-file") return await askForImport(question);
  const input = await vscode.window.showInputBox({
    title: text.run.inputs(run.target),
    prompt: question.message,
    value: question.suggestion ?? "",
    ignoreFocusOut: true,
  });
  return input === undefined ? undefined : { input };
}

async function askForImport(question: Question): Promise<Answers | undefined> {
  const lines = question.lines.map(({ line, text: source }) => `${line}: ${source}`);
  const detail = [text.run.importLines, ...lines].join("\n");
  const answer = await vscode.window.showWarningMessage(question.message, { modal: true, detail }, text.action.importFile);
  return answer === undefined ? undefined : { importFile: true };
}

/** Offer to keep the inputs where every later run, and the command line, finds them. */
async function offerComment(run: Run, input: string, line: number): Promise<void> {
  const write = text.action.writeComment;
  const answer = await vscode.window.showInformationMessage(text.run.offerComment(run.target), write);
  if (answer !== write) return;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(run.uri));
  let above = document.lineAt(Math.min(line, document.lineCount) - 1);
  while (above.lineNumber > 0 && isDecorator(document.lineAt(above.lineNumber - 1))) {
    above = document.lineAt(above.lineNumber - 1);
  }
  const indent = above.text.slice(0, above.firstNonWhitespaceCharacterIndex);
  const edit = new vscode.WorkspaceEdit();
  edit.insert(document.uri, above.range.start, `${indent}# jaxsight: inputs ${input}\n`);
  await vscode.workspace.applyEdit(edit);
}

function isDecorator(line: vscode.TextLine): boolean {
  return line.text.trimStart().startsWith("@");
}
