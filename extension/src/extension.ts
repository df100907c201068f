import * as vscode from "vscode";

import { Server } from "./client.js";
import { registerCommands } from "./commands.js";
import { createChannels } from "./log.js";
import { onDidChangeEnvironment } from "./python.js";
import { Runs } from "./runs.js";
import { ReportPanel } from "./views/report.js";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const channels = createChannels();
  const running = new Server(context, channels);
  server = running;
  const panel: ReportPanel = new ReportPanel(context.extensionUri, () => ({
    again: (run) => void runs.again(run),
    showOutput: () => {
      channels.runs.show();
    },
  }));
  const runs = new Runs(running, channels, panel);
  function restart(): void {
    void running.restart();
  }
  context.subscriptions.push(
    channels.client,
    channels.server,
    channels.runs,
    running,
    panel,
    registerCommands(context, running, runs, channels),
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("jaxsight.server")) restart();
    }),
  );
  await running.restart();
  context.subscriptions.push(await onDidChangeEnvironment(restart));
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
