// Tests that run inside the extension host (extension/src/test), against the packed extension.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import util from "node:util";

import { copyProject, installExtension, openBrowser, removeProject, ROOT, startEditor } from "./editor.mjs";

const TESTS = path.join(ROOT, "extension", "out", "test", "index.js");
const HARNESS = path.join(ROOT, "tests", "workbench", "harness");
const LIMIT = 240_000;
let extensions;

before(() => {
  extensions = installExtension(fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-extensions-")));
});
after(() => fs.rmSync(extensions, { recursive: true, force: true }));

/** Runs a suite: how many tests failed, the exit code that VS Code gives, and what was printed. */
async function run(suite) {
  const folder = copyProject();
  const result = path.join(folder, "failures");
  const env = { JAXSIGHT_SUITE: suite, JAXSIGHT_RESULT: result };
  const editor = await startEditor({ extensions, folder, driver: true, env });
  const browser = await openBrowser();
  const lines = [];
  try {
    let end;
    const ended = new Promise((resolve) => (end = resolve));
    const limit = setTimeout(() => end("timeout"), LIMIT);
    await browser.page.exposeFunction("codeAutomationLog", (_type, words) => {
      if (Array.isArray(words)) lines.push(util.format(...words));
    });
    await browser.page.exposeFunction("codeAutomationExit", (code) => end(code ?? 0));
    const remote = (file) => `vscode-remote://${editor.address}${file}`;
    const payload = JSON.stringify([
      ["extensionDevelopmentPath", remote(HARNESS)],
      ["extensionTestsPath", remote(TESTS)],
    ]);
    await browser.page.goto(`${editor.url}&payload=${encodeURIComponent(payload)}`);
    const code = await ended;
    clearTimeout(limit);
    const failures = fs.existsSync(result) ? Number(fs.readFileSync(result, "utf8")) : undefined;
    return { code, failures, output: lines.join("\n") };
  } finally {
    await browser.close();
    await editor.stop();
    removeProject(folder);
  }
}

test("the extension does what VS Code's interface can see", async () => {
  const { code, failures, output } = await run("extension");
  console.log(output.split("\n").filter((line) => /^\s*(✔|\d+\)|\d+ (passing|failing)|.*Error)/.test(line)).join("\n"));
  assert.equal(failures, 0, output);
  assert.equal(code, 0, output);
});

test("a failure in the extension host is seen here", async () => {
  const { code, failures, output } = await run("canary");
  assert.equal(failures, 1, output);
  assert.notEqual(code, 0);
});
