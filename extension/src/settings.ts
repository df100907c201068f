import * as os from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";

const SECTION = "jaxsight";
/** Settings that concern the extension alone; the server is not told of them. */
const OURS = ["server.", "trace."];

const RUNNER = "runner.interpreter";

type Table = Record<string, unknown>;

/**
 * The settings that someone has set, nested as the server wants them. Defaults are left out: they
 * are the server's, and the project's own file must be able to tell what the editor leaves open.
 */
export function explicitSettings(
  extension: vscode.Extension<unknown>,
  scope?: vscode.Uri,
): Table {
  const configuration = vscode.workspace.getConfiguration(SECTION, scope ?? null);
  const found: Table = {};
  for (const key of settingNames(extension)) {
    const value = configuration.inspect(key);
    const isSet = [value?.globalValue, value?.workspaceValue, value?.workspaceFolderValue].some(
      (item) => item !== undefined,
    );
    if (isSet) put(found, key.split("."), key === RUNNER ? runnerInterpreter(scope) : configuration.get(key));
  }
  return found;
}

function settingNames(extension: vscode.Extension<unknown>): string[] {
  const manifest = extension.packageJSON as {
    contributes: { configuration: readonly { properties: Table }[] };
  };
  return manifest.contributes.configuration
    .flatMap((category) => Object.keys(category.properties))
    .map((name) => name.slice(SECTION.length + 1))
    .filter((name) => !OURS.some((prefix) => name.startsWith(prefix)));
}

function put(table: Table, keys: readonly string[], value: unknown): void {
  const [key, ...rest] = keys;
  if (key === undefined) return;
  if (rest.length === 0) {
    table[key] = value;
    return;
  }
  const inner = (table[key] ??= {}) as Table;
  put(inner, rest, value);
}

/** The Python that the user named for the server, or nothing. */
export function serverInterpreter(): string | undefined {
  return pathSetting("server.interpreter", vscode.workspace.workspaceFolders?.[0]);
}

/** The Python that the user named for runs of a file, or nothing. */
export function runnerInterpreter(scope?: vscode.Uri): string | undefined {
  const folder = scope && vscode.workspace.getWorkspaceFolder(scope);
  return pathSetting(RUNNER, folder ?? vscode.workspace.workspaceFolders?.[0], scope);
}

function pathSetting(
  name: string,
  folder: vscode.WorkspaceFolder | undefined,
  scope?: vscode.Uri,
): string | undefined {
  const value = vscode.workspace.getConfiguration(SECTION, scope ?? folder?.uri ?? null).get<string | null>(name);
  return value ? expand(value, folder?.uri.fsPath) : undefined;
}

/** `~`, `${workspaceFolder}` and relative paths made absolute; a bare name stays a command. */
export function expand(value: string, folder: string | undefined): string {
  const full = value
    .replace(/^~(?=$|[\\/])/, os.homedir())
    .replaceAll("${workspaceFolder}", folder ?? "")
    .replaceAll("${userHome}", os.homedir());
  if (path.isAbsolute(full) || !/[\\/]/.test(full)) return full;
  return path.resolve(folder ?? os.homedir(), full);
}

export async function setServerInterpreter(value: string | undefined): Promise<void> {
  await vscode.workspace
    .getConfiguration(SECTION)
    .update("server.interpreter", value, vscode.ConfigurationTarget.Global);
}
