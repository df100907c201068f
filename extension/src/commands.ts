import * as os from "node:os";
import * as vscode from "vscode";

import type { Server } from "./client.js";
import type { Channels } from "./log.js";
import { openRulePage } from "./rules.js";
import type { Runs } from "./runs.js";
import { explicitSettings, setServerInterpreter } from "./settings.js";
import { text } from "./text.js";

type Command = (...given: unknown[]) => unknown;

/** Every command of ours; package.json says how they are called on screen. */
export function registerCommands(
  context: vscode.ExtensionContext,
  server: Server,
  runs: Runs,
  channels: Channels,
): vscode.Disposable {
  const commands: Record<string, Command> = {
    "jaxsight.benchmark": (lens) => runs.run("benchmark", lens),
    "jaxsight.checkGradients": (lens) => runs.run("gradients", lens),
    "jaxsight.inspect": (lens) => runs.run("inspection", lens),
    "jaxsight.showShapes": (lens) => runs.run("shapes", lens),
    "jaxsight.showSharding": (lens) => runs.run("sharding", lens),
    "jaxsight.diagnose": (lens) => runs.run("diagnosis", lens),
    "jaxsight.runAgain": () => runs.again(),
    "jaxsight.openRulePage": (rule) => openRulePage(context, rule),
    "jaxsight.chooseInterpreter": () => chooseInterpreter(),
    "jaxsight.restartServer": () => server.restart(),
    "jaxsight.showLog": () => {
      channels.client.show();
    },
    "jaxsight.showServerLog": () => {
      channels.server.show();
    },
    "jaxsight.copyDiagnosticBundle": () => copyDiagnosticBundle(context, server),
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, command]) => vscode.commands.registerCommand(name, command)),
  );
}

/** Sets the Python of the server; the change of the setting restarts it. */
async function chooseInterpreter(): Promise<void> {
  const { automatic, browse, title } = text.interpreter;
  const choice = await vscode.window.showQuickPick([automatic, browse], { title });
  if (choice === automatic) await setServerInterpreter(undefined);
  if (choice !== browse) return;
  const chosen = await vscode.window.showOpenDialog({ title, canSelectMany: false });
  if (chosen?.[0]) await setServerInterpreter(chosen[0].fsPath);
}

/** What someone who is to help needs to know. Nothing of the user's code is in it. */
async function copyDiagnosticBundle(context: vscode.ExtensionContext, server: Server): Promise<void> {
  const bundle = {
    extension: (context.extension.packageJSON as { version: string }).version,
    editor: `${vscode.env.appName} ${vscode.version}`,
    remote: vscode.env.remoteName ?? null,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    trusted: vscode.workspace.isTrusted,
    serverRuns: server.running !== undefined,
    serverPython: server.python ?? null,
    serverStatus: server.lastStatus ?? null,
    settings: explicitSettings(context.extension),
    pythonExtensions: ["ms-python.python", "ms-python.vscode-python-envs"].filter((id) => vscode.extensions.getExtension(id)),
  };
  await vscode.env.clipboard.writeText(JSON.stringify(bundle, null, 2));
  await vscode.window.showInformationMessage(text.bundle);
}
