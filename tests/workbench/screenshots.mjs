// Makes the README's pictures: `node screenshots.mjs FOLDER`, from the examples, in a real VS Code.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { copyProject, installExtension, removeProject, ROOT, startEditor } from "./editor.mjs";
import { Window } from "./window.mjs";

const folder = process.argv[2] ?? path.join(ROOT, "docs", "images");
const FILE = "regression_numpyro.py";
const user = {
  "breadcrumbs.enabled": false,
  "editor.fontSize": 14,
  "editor.minimap.enabled": false,
  "workbench.activityBar.location": "hidden",
  "window.title": "${rootName}",
  "workbench.colorTheme": "Default Dark Modern",
};
const machine = { "jaxsight.runner.interpreter": path.join(ROOT, ".venv", "bin", "python") };
const extensions = installExtension(fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-extensions-")));
const project = copyProject(path.join(ROOT, "examples"));
const editor = await startEditor({ extensions, folder: project, user, machine });
const window = await Window.open(editor.url, { width: 1240, height: 720, scale: 1.5 });
const { page } = window;
fs.mkdirSync(folder, { recursive: true });

/** Where the second use of the key stands. */
function finding() {
  const lines = fs.readFileSync(path.join(project, FILE), "utf8").split("\n");
  const used = lines.flatMap((line, index) => (/random\.\w+\(key\b/.test(line) ? [index] : []));
  const line = used[1];
  return { line: line + 1, column: lines[line].indexOf("(key") + 3 };
}

/** Where the function that is measured stands. */
function measured() {
  const lines = fs.readFileSync(path.join(project, FILE), "utf8").split("\n");
  return lines.findIndex((line) => line.startsWith("# jaxsight: inputs")) + 3;
}

function snap(name) {
  return page.screenshot({ path: path.join(folder, name) });
}

try {
  await window.openFile(FILE);
  await page.keyboard.press("Control+B");
  await window.squiggle("error").waitFor({ timeout: 60_000 });
  await window.lens("Benchmark").first().waitFor({ state: "attached", timeout: 60_000 });
  const { line, column } = finding();
  await window.goTo(line, column);
  await page.keyboard.press("Control+K");
  await page.keyboard.press("Control+I");
  await page.locator(".monaco-hover", { hasText: "key-reuse" }).first().waitFor();
  await snap("finding.png");
  await page.keyboard.press("Escape");
  await window.quickFixes(line, column, "Split");
  await snap("quick-fix.png");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 1240, height: 900 });
  await window.goTo(measured(), 1);
  await window.clickLens("Benchmark");
  const dialog = page.locator(".monaco-dialog-box .monaco-button", { hasText: "Import the File" });
  const numbers = window.report.locator(".number").first();
  await Promise.race([
    dialog.click({ timeout: 60_000 }).catch(() => undefined),
    numbers.waitFor({ timeout: 60_000 }),
  ]);
  await numbers.waitFor({ timeout: 60_000 });
  await window.report.locator("canvas").waitFor();
  await page.mouse.move(400, 600);
  await page.locator(".notification-toast").waitFor({ state: "detached" });
  await snap("benchmark.png");
} catch (error) {
  await window.picture("screenshots-failed");
  throw error;
} finally {
  await window.close();
  await editor.stop();
  removeProject(project);
  fs.rmSync(extensions, { recursive: true, force: true });
}
