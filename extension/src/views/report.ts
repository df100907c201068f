import { createHash, randomBytes } from "node:crypto";
import * as path from "node:path";
import * as vscode from "vscode";

import { NAME, text } from "../text.js";
import type { News, Run, View, Wish } from "./view.js";

export const VIEW_TYPE = "jaxsight.report";

export interface PanelActions {
  again(run: Run): void;
  showOutput(): void;
}

/** The results panel: one, beside the code. */
export class ReportPanel implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private panel: vscode.WebviewPanel | undefined;
  private view: View | undefined;
  private stale = false;
  private readonly subscriptions: vscode.Disposable;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly actions: () => PanelActions,
  ) {
    this.subscriptions = vscode.Disposable.from(
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.textChanged(document);
      }),
    );
  }

  async show(view: View): Promise<void> {
    this.view = view;
    this.stale = false;
    if (!this.panel) {
      const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.adopt(vscode.window.createWebviewPanel(VIEW_TYPE, NAME, place, this.options()));
    } else {
      this.panel.reveal(undefined, true);
      await this.send();
    }
    this.retitle();
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: View | undefined): Promise<void> {
    this.view = state;
    panel.webview.options = this.options();
    this.adopt(panel);
    this.retitle();
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === state?.run.uri);
    if (open) this.textChanged(open);
    return Promise.resolve();
  }

  dispose(): void {
    this.panel?.dispose();
    this.subscriptions.dispose();
  }

  private options(): vscode.WebviewOptions {
    const localResourceRoots = ["dist", "media"].map((name) => vscode.Uri.joinPath(this.extensionUri, name));
    return { enableScripts: true, localResourceRoots };
  }

  private adopt(panel: vscode.WebviewPanel): void {
    this.panel = panel;
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, "media", "icon.png");
    panel.onDidDispose(() => {
      this.panel = undefined;
    });
    panel.webview.onDidReceiveMessage((wish: Wish) => this.grant(wish));
    panel.webview.html = html(panel.webview, this.extensionUri);
  }

  private retitle(): void {
    if (!this.panel || !this.view) return;
    this.panel.title = `${text.report[this.view.run.kind]}: ${this.view.run.target}`;
  }

  private async send(): Promise<void> {
    if (!this.panel || !this.view) return;
    const news: News = { news: "view", view: this.view, stale: this.stale };
    await this.panel.webview.postMessage(news);
  }

  private async grant(wish: Wish): Promise<void> {
    switch (wish.wish) {
      case "ready":
        await this.send();
        break;
      case "again":
        if (this.view) this.actions().again(this.view.run);
        break;
      case "copy":
        await vscode.env.clipboard.writeText(JSON.stringify(this.view?.outcome, null, 2));
        break;
      case "interpreter":
        await vscode.commands.executeCommand("workbench.action.openSettings", "jaxsight.runner.interpreter");
        break;
      case "output":
        this.actions().showOutput();
        break;
      case "rule":
        await vscode.commands.executeCommand("jaxsight.openRulePage", wish.rule);
        break;
      case "open":
        await open(wish.path, wish.line, this.view);
        break;
    }
  }

  /** A report speaks of the text that was run; once the text is another one, it says so. */
  private textChanged(document: vscode.TextDocument): void {
    const view = this.view;
    if (view?.outcome.status !== "done" || document.uri.toString() !== view.run.uri) return;
    const now = createHash("sha256").update(document.getText(), "utf8").digest("hex");
    // a notebook is run as one text, so there any change counts
    const stale = document.uri.scheme === "vscode-notebook-cell" || now !== view.outcome.report.target.hash;
    if (stale === this.stale) return;
    this.stale = stale;
    const news: News = { news: "stale", stale };
    void this.panel?.webview.postMessage(news);
  }
}

async function open(file: string, line: number, view: View | undefined): Promise<void> {
  const given = view === undefined ? undefined : vscode.Uri.parse(view.run.uri);
  const same = given && path.normalize(given.fsPath) === path.normalize(file);
  if (same && given.scheme === "vscode-notebook-cell") {
    await openCell(given, line, view);
    return;
  }
  const document = await vscode.workspace.openTextDocument(same ? given : vscode.Uri.file(file));
  const at = new vscode.Position(Math.max(line - 1, 0), 0);
  await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.One,
    selection: new vscode.Range(at, at),
  });
}

/** Show the cell in which a line of a notebook's module lies. */
async function openCell(uri: vscode.Uri, line: number, view: View | undefined): Promise<void> {
  const cells = view?.outcome.status === "done" ? view.outcome.report.target.cells : [];
  const number = cells.filter((one) => one.line <= line).at(-1)?.cell ?? 1; // of the cells with code
  const notebook = vscode.workspace.notebookDocuments.find((one) => one.getCells().some((each) => each.document.uri.toString() === uri.toString()));
  const cell = notebook?.getCells().filter((one) => one.kind === vscode.NotebookCellKind.Code)[number - 1];
  if (!notebook || !cell) return;
  const selections = [new vscode.NotebookRange(cell.index, cell.index + 1)];
  await vscode.window.showNotebookDocument(notebook, { viewColumn: vscode.ViewColumn.One, selections });
}

function html(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const script = webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, "dist", "report.js")).toString();
  const style = webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, "media", "report.css")).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${style}">
  <title>${NAME}</title>
</head>
<body>
  <main id="report"></main>
  <script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
