import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

import { runnerInterpreter, serverInterpreter } from "./settings.js";
import { text } from "./text.js";

/** A Python, and how it was found. */
export interface Interpreter {
  readonly path: string;
  readonly how: string;
}

export interface FoundInterpreter extends Interpreter {
  readonly version: string;
}

/** What there is to say when no Python will do. */
export class NoPython extends Error {}

const OLDEST = 10;
const NEWEST = 14;
const WINDOWS = process.platform === "win32";
const run = promisify(execFile);

/*
 * The Python that runs the server. In this order; the first that is 3.10 or newer:
 *   1. the setting `jaxsight.server.interpreter`: what is named is used or reported, never replaced
 *   2. the environment chosen in the Python Environments extension
 *   3. the environment chosen in the Python extension
 *   4. `.venv` or `venv` in a workspace folder
 *   5. the environment that was active when the editor started (VIRTUAL_ENV, CONDA_PREFIX)
 *   6. python3, python, python3.14 ... python3.10, and `py -3` on Windows, on PATH
 * In a workspace that is not trusted 2 to 4 are left out, and so is every Python that lies in the
 * workspace: starting a virtual environment's Python runs code that is kept in it. VS Code hides the
 * workspace's own value of 1 from us then (`restrictedConfigurations`).
 */
export async function findServerPython(log: vscode.LogOutputChannel): Promise<FoundInterpreter> {
  const named = serverInterpreter();
  if (named !== undefined) return await required(named);
  const seen = new Set<string>();
  for await (const candidate of candidates()) {
    if (seen.has(candidate.path)) continue;
    seen.add(candidate.path);
    if (!vscode.workspace.isTrusted && liesInWorkspace(candidate.path)) {
      log.info(`not used, because the workspace is not trusted: ${candidate.path}`);
      continue;
    }
    const version = await versionOf(candidate.path, log);
    if (version && isEnough(version)) return { ...candidate, version };
    log.info(`not used for the server: ${candidate.path} (${candidate.how}), ${version ?? "which does not start"}`);
  }
  throw new NoPython(text.status.noPython);
}

/*
 * The user's Python for a file, for library versions and runs. In this order:
 *   1. `runner.interpreter`, in the project's file or in our settings: the server decides, we say nothing
 *   2. the environment that one of the Python extensions has for that file
 *   3. nothing: the server looks beside the file and at what is active
 */
export async function findUserPython(scope?: vscode.Uri): Promise<string | undefined> {
  if (!vscode.workspace.isTrusted) return undefined;
  if (runnerInterpreter(scope) !== undefined) return undefined;
  for await (const candidate of chosenEnvironments(scope)) return candidate.path;
  return undefined;
}

async function required(named: string): Promise<FoundInterpreter> {
  const found = path.isAbsolute(named) ? named : (onPath(named) ?? named);
  const version = await versionOf(found);
  if (version === undefined) throw new NoPython(text.interpreter.broken(named));
  if (!isEnough(version)) throw new NoPython(text.interpreter.tooOld(named, version));
  return { path: found, how: "jaxsight.server.interpreter", version };
}

async function* candidates(): AsyncGenerator<Interpreter> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (vscode.workspace.isTrusted) {
    yield* chosenEnvironments(folders[0]?.uri);
    for (const folder of folders) {
      for (const name of [".venv", "venv"]) {
        yield* inEnvironment(path.join(folder.uri.fsPath, name), `${name} of the workspace`);
      }
    }
  }
  for (const variable of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
    const prefix = process.env[variable];
    if (prefix) yield* inEnvironment(prefix, variable);
  }
  for (const name of namesOnPath()) {
    const found = onPath(name);
    if (found !== undefined) yield { path: found, how: "PATH" };
  }
  const launched = WINDOWS ? await launcherPython() : undefined;
  if (launched !== undefined) yield { path: launched, how: "py -3" };
}

interface EnvironmentsApi {
  getEnvironment(scope?: vscode.Uri): Promise<{ execInfo: { run: { executable: string } } } | undefined>;
  onDidChangeEnvironment?: vscode.Event<unknown>;
}

interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(scope?: vscode.Uri): { path: string };
    resolveEnvironment(
      environment: { path: string },
    ): Promise<{ executable: { uri: vscode.Uri | undefined } } | undefined>;
    onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

function environmentsExtension(): vscode.Extension<EnvironmentsApi | undefined> | undefined {
  return vscode.extensions.getExtension("ms-python.vscode-python-envs");
}

function pythonExtension(): vscode.Extension<PythonApi | undefined> | undefined {
  return vscode.extensions.getExtension("ms-python.python");
}

/** What the user chose in one of the Python extensions; a failure of theirs is not ours. */
async function* chosenEnvironments(scope?: vscode.Uri): AsyncGenerator<Interpreter> {
  const environment = await optional(async () => {
    const api = await environmentsExtension()?.activate();
    return await api?.getEnvironment(scope);
  });
  if (environment) yield { path: environment.execInfo.run.executable, how: "Python Environments" };
  const resolved = await optional(async () => {
    const api = (await pythonExtension()?.activate())?.environments;
    return await api?.resolveEnvironment(api.getActiveEnvironmentPath(scope));
  });
  const file = resolved?.executable.uri;
  if (file) yield { path: file.fsPath, how: "Python extension" };
}

/** Calls back when the user chooses another environment in one of the Python extensions. */
export async function onDidChangeEnvironment(changed: () => void): Promise<vscode.Disposable> {
  if (!vscode.workspace.isTrusted) return new vscode.Disposable(() => undefined);
  const environments = await optional(async () => await environmentsExtension()?.activate());
  const python = await optional(async () => await pythonExtension()?.activate());
  return vscode.Disposable.from(
    ...[
      environments?.onDidChangeEnvironment?.(changed),
      python?.environments.onDidChangeActiveEnvironmentPath(changed),
    ].filter((item) => item !== undefined),
  );
}

async function optional<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    console.warn("JAX Sight: a Python extension could not be asked", error);
    return undefined;
  }
}

function* inEnvironment(prefix: string, how: string): Generator<Interpreter> {
  const places = WINDOWS ? ["Scripts/python.exe", "python.exe"] : ["bin/python", "bin/python3"];
  for (const place of places) {
    const file = path.join(prefix, place);
    if (isFile(file)) {
      yield { path: file, how };
      return;
    }
  }
}

function* namesOnPath(): Generator<string> {
  yield* ["python3", "python"];
  for (let minor = NEWEST; minor >= OLDEST; minor--) yield `python3.${minor}`;
}

/** A command's file. Relative entries of PATH are passed over: they may mean the workspace. */
function onPath(command: string): string | undefined {
  const suffixes = WINDOWS ? [".exe"] : [""];
  return (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .flatMap((folder) => suffixes.map((suffix) => path.join(folder, command + suffix)))
    .find(isFile);
}

async function launcherPython(): Promise<string | undefined> {
  const launcher = onPath("py");
  if (launcher === undefined) return undefined;
  const answer = await optional(() =>
    run(launcher, ["-3", "-I", "-S", "-c", "import sys; print(sys.executable)"], { timeout: 10_000 }),
  );
  return answer?.stdout.trim();
}

function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function versionOf(file: string, log?: vscode.LogOutputChannel): Promise<string | undefined> {
  const program = "import sys; print('%d.%d' % sys.version_info[:2])";
  try {
    const { stdout } = await run(file, ["-I", "-S", "-c", program], { timeout: 10_000 });
    return stdout.trim();
  } catch (error) {
    log?.warn(`${file}: ${String(error)}`);
    return undefined;
  }
}

function isEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= OLDEST);
}

/** Whether a file lies in the workspace, by its own name or by where its links lead. */
export function liesInWorkspace(file: string): boolean {
  const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const roots = folders.flatMap((folder) => [folder, real(folder)]);
  return [path.resolve(file), real(file), path.join(real(path.dirname(file)), path.basename(file))].some((place) =>
    roots.some((root) => {
      const relative = path.relative(root, place);
      return relative === "" || (!relative.startsWith("..") && !path.isAbsolute(relative));
    }),
  );
}

function real(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file); // it does not exist: there is no link to follow
  }
}
