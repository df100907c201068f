// What a user lives through, in a real VS Code, with the extension as it is shipped.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { copyProject, installExtension, removeProject, ROOT, startEditor, until } from "./editor.mjs";
import { jobs, processes } from "./processes.mjs";
import { Window } from "./window.mjs";

const PYTHON = path.join(ROOT, ".venv", "bin", "python");
const MACHINE = { "jaxsight.runner.interpreter": PYTHON };
let extensions;

before(() => {
  extensions = installExtension(fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-extensions-")));
});
after(() => fs.rmSync(extensions, { recursive: true, force: true }));

/** One editor and one window for the tests of a group. */
function workbench(options) {
  const state = {};
  before(async () => {
    state.folder = copyProject();
    options.prepare?.(state.folder);
    state.editor = await startEditor({ extensions, folder: state.folder, machine: MACHINE, ...options });
    state.window = await Window.open(state.editor.url);
  });
  afterEach(async (context) => {
    await state.window?.picture(context.name.replaceAll(/[^a-z0-9]+/gi, "-"));
  });
  after(async () => {
    await state.window?.close();
    await state.editor?.stop();
    if (state.folder) removeProject(state.folder);
  });
  return state;
}

const read = (folder, name) => fs.readFileSync(path.join(folder, name), "utf8");

describe("findings", () => {
  const state = workbench({});

  test("opening a file shows its findings, and hovering explains one", async () => {
    const { window } = state;
    await window.openFile("model.py");
    await window.squiggle("error").waitFor({ timeout: 60_000 });
    await window.squiggle("warning").waitFor();
    await window.goTo(18, 34);
    await window.page.keyboard.press("Control+K");
    await window.page.keyboard.press("Control+I");
    await window.page.locator(".monaco-hover", { hasText: "key-reuse" }).first().waitFor();
  });

  test("the rule's name in the problems panel opens its page", async () => {
    const { window } = state;
    await window.page.keyboard.press("Escape");
    await window.page.keyboard.press("Control+Shift+M");
    const problem = window.page.locator(".markers-panel .monaco-list-row", { hasText: "key-reuse" });
    await problem.first().waitFor();
    await problem.first().locator("a", { hasText: "key-reuse" }).click({ modifiers: ["ControlOrMeta"] });
    await window.page.locator(".tab", { hasText: "key-reuse.md" }).waitFor();
  });

  test("a quick fix repairs the file on disk", async () => {
    const { window, folder } = state;
    await window.command("View: Close All Editors");
    await window.openFile("model.py");
    await window.squiggle("warning").waitFor();
    const entry = await window.quickFixes(11, 6, "jax.debug.print");
    await entry.click();
    await window.page.locator(".view-line", { hasText: "jax.debug.print" }).waitFor();
    await window.page.keyboard.press("Control+S");
    await until("the file on disk", () => read(folder, "model.py").includes("jax.debug.print("));
    await window.squiggle("warning").waitFor({ state: "detached" });
  });

  test("a finding is suppressed on its line", async () => {
    const { window, folder } = state;
    await window.squiggle("error").waitFor();
    const entry = await window.quickFixes(18, 34, "this line");
    await entry.click();
    await window.squiggle("error").waitFor({ state: "detached" });
    await window.page.keyboard.press("Control+S");
    await until("the comment on disk", () => read(folder, "model.py").includes("# jaxsight: ignore[key-reuse]"));
  });

  test("cells of a notebook are one program", async () => {
    const { window } = state;
    await window.openFile("cells.ipynb");
    await window.page.locator(".notebookOverlay .squiggly-error").first().waitFor({ timeout: 60_000 });
  });
});

describe("runs", () => {
  const state = workbench({});
  const runners = () => jobs(extensions);

  test("one click benchmarks a function and shows the numbers", async () => {
    const { window } = state;
    await window.openFile("model.py");
    await window.clickLens("Benchmark");
    await window.report.locator(".number", { hasText: "Latency" }).waitFor({ timeout: 120_000 });
    const latency = await window.report.locator(".number", { hasText: "Latency" }).locator(".value").innerText();
    assert.match(latency, /^[\d.]+ (ns|µs|ms|s)$/);
    await window.report.locator("canvas").waitFor();
    assert.match(await window.report.locator(".stages").innerText(), /Trace[\s\S]*Lower[\s\S]*Compile/);
    assert.match(await window.report.innerText(), /f32\[256, ?64\]/);
    assert.deepEqual(runners(), []);
  });

  test("results are marked when the code changes", async () => {
    const { window } = state;
    const stale = window.report.locator("#stale");
    assert.equal(await stale.isHidden(), true);
    await window.focusEditor();
    await window.goTo(13, 1);
    await window.page.keyboard.type("#");
    await stale.waitFor();
    await window.page.keyboard.press("Control+Z");
    await stale.waitFor({ state: "hidden" });
  });

  test("inspection shows what each line costs, and the program in its forms", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.clickLens("Inspect");
    await window.report.locator("h1", { hasText: "Inspection" }).waitFor({ timeout: 120_000 });
    const product = window.report.locator(".lines tr", { hasText: "x @ w" });
    assert.match(await product.innerText(), /328 ?k/); // 2 * 256 * 64 * 10
    await window.report.locator("summary", { hasText: "The program" }).click();
    await window.report.locator("button", { hasText: "Optimised HLO" }).click();
    await window.report.locator(".program .row", { hasText: "ENTRY" }).first().waitFor();
    await product.locator("button.link").click();
    await window.page.locator(".statusbar-item", { hasText: "Ln 10," }).waitFor();
  });

  test("shapes stand beside variables once they were asked for, until the code changes", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.goTo(10, 1);
    await window.command("JAX Sight: Show Shapes in Function");
    await window.report.locator(".locals tr", { hasText: "logits" }).first().waitFor({ timeout: 120_000 });
    const line = window.page.locator(".view-line", { hasText: /logits:\sf32\[256,10\]\s=/ });
    await line.waitFor();
    await window.focusEditor();
    await window.goTo(13, 1);
    await window.page.keyboard.type("#");
    await line.waitFor({ state: "detached" });
    await window.page.keyboard.press("Control+Z");
  });

  test("cancelling a run ends its process", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.goTo(25, 1);
    await window.command("JAX Sight: Benchmark Function");
    await window.toast("Benchmark endless").waitFor();
    await until("the runner", () => runners().length > 0);
    const toast = window.toast("Benchmark endless");
    await toast.hover();
    await toast.locator(".monaco-button", { hasText: "Cancel" }).click();
    await until("the runner to end", () => runners().length === 0, 5);
    await toast.waitFor({ state: "detached" });
  });

  test("a function whose inputs are not known asks for them, and keeps them when told to", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.goTo(30, 1);
    await window.command("JAX Sight: Benchmark Function");
    const title = window.page.locator(".quick-input-widget:visible", { hasText: "Inputs of scaled" });
    await title.waitFor({ timeout: 60_000 });
    await window.input("x: f32[8], factor: f32[]");
    await window.page.keyboard.press("Enter");
    await window.report.locator("h1", { hasText: "scaled" }).waitFor({ timeout: 120_000 });
    const toast = window.toast("Keep these inputs");
    await toast.locator(".monaco-button", { hasText: "Write It" }).click();
    await window.page.locator(".view-line", { hasText: /inputs\sx:\sf32\[8\],\sfactor/ }).waitFor();
  });

  test("a wrong gradient is called wrong, leaf by leaf", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.page.keyboard.press("Control+S");
    await window.command("View: Close All Editors");
    await window.openFile("gradients.py");
    await window.lens("Check gradients").first().waitFor({ timeout: 60_000 });
    await window.goTo(27, 1);
    await window.command("JAX Sight: Check Gradients of Function");
    await answerImport(window, "h1:has-text('wrong')");
    await window.report.locator(".verdict.bad", { hasText: "wrong" }).waitFor();
    assert.match(await window.report.locator(".leaves").innerText(), /wrong/);
  });

  test("a right gradient is called right", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.goTo(33, 1);
    await window.command("JAX Sight: Check Gradients of Function");
    await answerImport(window, "h1:has-text('right')");
    await window.report.locator(".verdict.good", { hasText: "right" }).waitFor();
    assert.match(await window.report.locator(".leaves").innerText(), /\['w'\]/);
  });
});

describe("runs that need a word", () => {
  const state = workbench({});

  test("a file that does more than define is imported only when the user says so", async () => {
    const { window } = state;
    await window.openFile("script.py");
    await window.clickLens("Benchmark");
    const dialog = window.page.locator(".monaco-dialog-box");
    await dialog.waitFor({ timeout: 60_000 });
    assert.match(await dialog.innerText(), /for step in range/);
    await dialog.locator(".monaco-button", { hasText: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await window.page.locator("iframe.webview").count(), 0);
    await window.clickLens("Benchmark");
    await dialog.locator(".monaco-button", { hasText: "Import the File" }).click({ timeout: 60_000 });
    await window.report.locator(".number", { hasText: "Latency" }).waitFor({ timeout: 120_000 });
  });

  test("a failure is shown with its phase and traceback, and what the program printed is kept", async () => {
    const { window } = state;
    await window.focusEditor();
    await window.goTo(21, 1);
    await window.command("JAX Sight: Benchmark Function");
    const dialog = window.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Import the File" });
    await dialog.click({ timeout: 60_000 });
    await window.report.locator(".verdict.bad", { hasText: "No result" }).waitFor({ timeout: 120_000 });
    await window.report.locator("summary", { hasText: "Traceback" }).click();
    assert.match(await window.report.locator("pre").innerText(), /three legs/);
    await window.report.locator("button", { hasText: "Output" }).click();
    await window.page.locator(".panel .view-line", { hasText: /words\sof\sthe\sprogram/ }).first().waitFor();
  });
});

/** Lets the file be imported where that is asked, and waits for the report. */
async function answerImport(window, done) {
  const dialog = window.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Import the File" });
  await Promise.race([
    dialog.click({ timeout: 120_000 }).catch(() => undefined),
    window.report.locator(done).waitFor({ timeout: 120_000 }),
  ]);
  await window.report.locator(done).waitFor({ timeout: 120_000 });
}

describe("trust", () => {
  // a workspace that would run its own Python, were it trusted
  const state = workbench({
    trust: true,
    prepare(folder) {
      const python = path.join(folder, ".venv", "bin", "python");
      fs.mkdirSync(path.dirname(python), { recursive: true });
      fs.writeFileSync(python, `#!/bin/sh\necho started >> ${folder}/started\nexec python3 "$@"\n`, { mode: 0o755 });
      const named = { "jaxsight.server.interpreter": python, "jaxsight.runner.interpreter": python };
      fs.mkdirSync(path.join(folder, ".vscode"));
      fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify(named));
    },
  });
  const started = () => fs.existsSync(path.join(state.folder, "started"));

  test("without trust findings are shown, nothing is run, and it says so", async () => {
    const { window } = state;
    await window.openFile("model.py");
    await window.squiggle("error").waitFor({ timeout: 60_000 });
    assert.equal(await window.lens("Benchmark").count(), 0);
    await window.command("JAX Sight: Benchmark Function");
    await window.toast("not trusted").waitFor();
    assert.match(await window.status(), /Restricted Mode/);
    assert.equal(started(), false);
  });

  test("with trust the workspace's Python is used", async () => {
    const { window } = state;
    await window.page.keyboard.press("Escape");
    await window.command("Workspaces: Manage Workspace Trust");
    await window.page.locator(".workspace-trust-buttons-row .monaco-button", { hasText: "Trust" }).first().click();
    await window.openFile("model.py");
    await window.lens("Benchmark").first().waitFor({ timeout: 60_000 });
    assert.equal(started(), true);
  });
});

describe("accidents", () => {
  const state = workbench({});
  const servers = () => processes("bundled/main.py", extensions);

  test("a server that dies is started again", async () => {
    const { window } = state;
    await window.openFile("model.py");
    await window.squiggle("error").waitFor({ timeout: 60_000 });
    const [first] = servers();
    assert.ok(first);
    process.kill(first.pid, "SIGKILL");
    await until("another server", () => servers().some(({ pid }) => pid !== first.pid));
    await window.goTo(19, 26);
    await window.page.keyboard.type(" + jax.random.normal(key, (3,");
    await until("the findings of the new text", async () => {
      return (await window.page.locator(".editor-group-container.active .squiggly-error").count()) > 1;
    });
  });
});
