import * as fs from "node:fs";
import * as vscode from "vscode";
import { type Middleware, vsdiag } from "vscode-languageclient/node";

import { text } from "./text.js";

/** The page of a rule that this version of the extension carries. */
function pageOf(context: vscode.ExtensionContext, rule: string): vscode.Uri {
  return vscode.Uri.joinPath(context.extensionUri, "docs", "rules", `${rule}.md`);
}

/** Shows a rule's page: that of the argument, of the finding at the cursor, or of the one picked. */
export async function openRulePage(context: vscode.ExtensionContext, rule?: unknown): Promise<void> {
  const name = typeof rule === "string" ? rule : (ruleAtCursor() ?? (await pickRule(context)));
  if (name === undefined) return;
  const page = pageOf(context, name);
  if (!fs.existsSync(page.fsPath)) {
    await vscode.window.showWarningMessage(text.rule.none(name));
    return;
  }
  await vscode.commands.executeCommand("markdown.showPreviewToSide", page);
}

function ruleAtCursor(): string | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return undefined;
  const found = vscode.languages
    .getDiagnostics(editor.document.uri)
    .find((item) => item.source === "jaxsight" && item.range.contains(editor.selection.active));
  return found && ruleOf(found);
}

async function pickRule(context: vscode.ExtensionContext): Promise<string | undefined> {
  const folder = vscode.Uri.joinPath(context.extensionUri, "docs", "rules");
  const names = fs.readdirSync(folder.fsPath).map((name) => name.replace(/\.md$/, ""));
  return await vscode.window.showQuickPick(names.sort(), { title: text.rule.which });
}

function ruleOf(diagnostic: vscode.Diagnostic): string | undefined {
  const code = diagnostic.code;
  return typeof code === "object" ? String(code.value) : undefined;
}

/** Makes a finding's rule name open the page that is at hand, offline and of this very version. */
export function linkRulePages(context: vscode.ExtensionContext): Pick<Middleware, "provideDiagnostics" | "handleDiagnostics"> {
  function link(diagnostic: vscode.Diagnostic): void {
    const rule = ruleOf(diagnostic);
    if (rule === undefined || !fs.existsSync(pageOf(context, rule).fsPath)) return;
    const argument = encodeURIComponent(JSON.stringify([rule]));
    diagnostic.code = { value: rule, target: vscode.Uri.parse(`command:jaxsight.openRulePage?${argument}`) };
  }
  return {
    async provideDiagnostics(document, previousResultId, token, next) {
      const report = await next(document, previousResultId, token);
      if (report?.kind === vsdiag.DocumentDiagnosticReportKind.full) report.items.forEach(link);
      return report;
    },
    handleDiagnostics(uri, diagnostics, next) {
      diagnostics.forEach(link);
      next(uri, diagnostics);
    },
  };
}
