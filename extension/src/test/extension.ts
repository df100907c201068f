import * as assert from "node:assert/strict";
import * as vscode from "vscode";

const PROGRAM = `import jax

@jax.jit
def f(x):
    print(x)
    return x

def sample(key):
    return jax.random.normal(key) + jax.random.normal(key)
`;

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { command: string }[];
    readonly configuration: readonly { properties: Record<string, { scope: string }> }[];
  };
  readonly capabilities: { untrustedWorkspaces: { restrictedConfigurations: readonly string[] } };
}

/** What can be seen through VS Code's own interface, from the packed extension. */
export function extensionTests(): void {
  const extension = vscode.extensions.getExtension("jaxsight.jaxsight");
  assert.ok(extension, "the packed extension is installed");
  const manifest = extension.packageJSON as Manifest;
  let document: vscode.TextDocument;

  before(async () => {
    document = await vscode.workspace.openTextDocument({ language: "python", content: PROGRAM });
    await vscode.window.showTextDocument(document);
  });

  it("is activated by a Python file", async () => {
    await until("activation", () => extension.isActive);
  });

  it("registers every command it declares", async () => {
    const known = await vscode.commands.getCommands(true);
    const missing = manifest.contributes.commands.filter(({ command }) => !known.includes(command));
    assert.deepEqual(missing, []);
  });

  it("names every setting that could start a program as restricted", () => {
    const restricted = manifest.capabilities.untrustedWorkspaces.restrictedConfigurations;
    const risky = manifest.contributes.configuration
      .flatMap(({ properties }) => Object.entries(properties))
      .filter(([name, { scope }]) => scope === "machine-overridable" || name.startsWith("jaxsight.runner."))
      .map(([name]) => name);
    assert.ok(risky.length > 0);
    assert.deepEqual(risky.filter((name) => !restricted.includes(name)), []);
  });

  it("finds mistakes in a document that was never saved", async () => {
    assert.deepEqual(await rules(document, 2), ["key-reuse", "print-in-trace"]);
  });

  it("links a finding to the page it carries", async () => {
    await rules(document, 2);
    const [finding] = vscode.languages.getDiagnostics(document.uri);
    const code = finding?.code;
    assert.ok(typeof code === "object");
    assert.equal(code.target.scheme, "command");
    assert.equal(code.target.path, "jaxsight.openRulePage");
  });

  it("offers quick fixes that can be applied", async () => {
    await rules(document, 2);
    const range = vscode.languages.getDiagnostics(document.uri).find((item) => ruleOf(item) === "print-in-trace")?.range;
    assert.ok(range);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      range,
      vscode.CodeActionKind.QuickFix.value,
      20,
    );
    const fix = actions.find((action) => action.title.includes("jax.debug.print"));
    assert.ok(fix?.edit, `resolved, among: ${actions.map(({ title }) => title).join("; ")}`);
    await vscode.workspace.applyEdit(fix.edit);
    assert.match(document.getText(), /jax\.debug\.print\(/);
    assert.deepEqual(await rules(document, 1), ["key-reuse"]);
  });

  it("shows lenses above traced functions", async () => {
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", document.uri);
    const commands = lenses.map((lens) => lens.command?.command);
    assert.deepEqual(commands, ["jaxsight.benchmark", "jaxsight.checkGradients", "jaxsight.inspect"]);
  });

  it("hides the lenses that are switched off", async () => {
    const configuration = vscode.workspace.getConfiguration("jaxsight");
    await configuration.update("codeLens.benchmark", false, vscode.ConfigurationTarget.Global);
    await until("two lenses", async () => {
      const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", document.uri);
      const commands = lenses.map((lens) => lens.command?.command);
      return commands.join() === "jaxsight.checkGradients,jaxsight.inspect";
    });
    await configuration.update("codeLens.benchmark", undefined, vscode.ConfigurationTarget.Global);
  });

  it("passes on what the user ignores", async () => {
    const configuration = vscode.workspace.getConfiguration("jaxsight");
    await configuration.update("ignore", ["key-reuse"], vscode.ConfigurationTarget.Global);
    assert.deepEqual(await rules(document, 0), []);
    await configuration.update("ignore", undefined, vscode.ConfigurationTarget.Global);
    assert.deepEqual(await rules(document, 1), ["key-reuse"]);
  });

  it("works on after the server was restarted", async () => {
    await vscode.commands.executeCommand("jaxsight.restartServer");
    assert.deepEqual(await rules(document, 1), ["key-reuse"]);
  });

  it("says so when the Python it was given will not do, and recovers", async () => {
    const configuration = vscode.workspace.getConfiguration("jaxsight");
    await configuration.update("server.interpreter", "/nowhere/python", vscode.ConfigurationTarget.Global);
    assert.deepEqual(await rules(document, 0), []);
    await configuration.update("server.interpreter", undefined, vscode.ConfigurationTarget.Global);
    assert.deepEqual(await rules(document, 1), ["key-reuse"]);
  });

  it("copies a diagnostic bundle without the user's code", async () => {
    void vscode.commands.executeCommand("jaxsight.copyDiagnosticBundle"); // ends when its message is closed
    const bundle = await until("the bundle", async () => {
      const copied = await vscode.env.clipboard.readText();
      return copied.includes("serverPython") ? copied : undefined;
    });
    const found = JSON.parse(bundle) as { trusted: boolean; serverStatus: { rules: number } | null };
    assert.equal(found.trusted, true);
    assert.ok((found.serverStatus?.rules ?? 0) > 0);
    assert.ok(!bundle.includes("jax.random"));
  });
}

/** The rules of a document's findings, once there are as many as expected. */
async function rules(document: vscode.TextDocument, count: number): Promise<string[]> {
  await until(`${count} findings`, () => ours(document).length === count);
  return ours(document).map(ruleOf).sort();
}

function ours(document: vscode.TextDocument): vscode.Diagnostic[] {
  return vscode.languages.getDiagnostics(document.uri).filter(({ source }) => source === "jaxsight");
}

function ruleOf({ code }: vscode.Diagnostic): string {
  return typeof code === "object" ? String(code.value) : String(code);
}

async function until<T>(what: string, ask: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited 40 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
