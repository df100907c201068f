// A real VS Code for tests: code-server on a port of its own with our packed extension, nothing shared
// with another test but the installed extension.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

export const ROOT = path.resolve(import.meta.dirname, "../..");
export const TOOLS = path.join(ROOT, ".tools", "workbench");
export const RESULTS = path.join(ROOT, "test-results");
const NODE = path.join(TOOLS, "node", "bin", "node");
const ENTRY = path.join(TOOLS, "code-server", "node_modules", "code-server", "out", "node", "entry.js");
const { chromium } = createRequire(path.join(TOOLS, "package.json"))("playwright-core");

const QUIET = {
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "files.hotExit": "off",
  "git.enabled": false,
  "security.workspace.trust.startupPrompt": "never",
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "window.commandCenter": false,
  "workbench.reduceMotion": "on",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
};

/** The package that is tested: of this platform, as scripts/vsix.sh made it. */
export function packedExtension() {
  const folder = path.join(ROOT, "dist");
  const wanted = `-${process.platform}-${process.arch}.vsix`;
  const found = fs.readdirSync(folder).find((name) => name.endsWith(wanted));
  if (!found) throw new Error(`there is no ${wanted} in ${folder}: run scripts/vsix.sh`);
  return path.join(folder, found);
}

function environment() {
  const own = /^(VSCODE_|ELECTRON_|VIRTUAL_ENV|CONDA_PREFIX|PYTHON)/; // of the terminal the tests run in
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

/** A folder of installed extensions with ours in it. */
export function installExtension(folder) {
  const user = fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-install-"));
  const common = ["--config", path.join(user, "config.yaml"), "--user-data-dir", user, "--extensions-dir", folder];
  const options = { env: environment(), stdio: ["ignore", "ignore", "pipe"] };
  execFileSync(NODE, [ENTRY, ...common, "--install-extension", packedExtension(), "--force"], options);
  fs.rmSync(user, { recursive: true, force: true });
  return folder;
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Polls until `ask` gives something true, and gives that. */
export async function until(what, ask, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Starts code-server for a folder.
 * `trust`: whether VS Code asks about trust (else everything is trusted); `driver`: let tests run in the
 * extension host, which also suppresses notifications, so never in journeys.
 */
export async function startEditor({ extensions, folder, user = {}, machine = {}, trust = false, driver = false, env = {} }) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-editor-"));
  for (const [name, settings] of [["User", { ...QUIET, ...user }], ["Machine", machine]]) {
    fs.mkdirSync(path.join(data, name));
    fs.writeFileSync(path.join(data, name, "settings.json"), JSON.stringify(settings));
  }
  const port = await freePort();
  const child = spawn(
    NODE,
    [
      ENTRY, "--config", path.join(data, "config.yaml"), "--auth", "none", "--bind-addr", `127.0.0.1:${port}`,
      "--user-data-dir", data, "--extensions-dir", extensions, "--disable-telemetry", "--disable-update-check",
      "--disable-getting-started-override", "--disable-proxy", "--ignore-last-opened", "--reconnection-grace-time", "1",
      ...(trust ? [] : ["--disable-workspace-trust"]),
      ...(driver ? ["--vscode-option", "enable-smoke-test-driver"] : []),
      folder,
    ],
    { stdio: "ignore", env: { ...environment(), ...env } },
  );
  const address = `127.0.0.1:${port}`;
  await until("code-server", () => fetch(`http://${address}/healthz`).then((answer) => answer.ok, () => false));
  return {
    address,
    url: `http://${address}/?folder=${encodeURIComponent(folder)}`,
    data,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      fs.rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A browser with one empty page. */
export async function openBrowser({ width = 1400, height = 900, scale = 1 } = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "jaxsight-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    viewport: { width, height },
    deviceScaleFactor: scale,
    permissions: ["clipboard-read", "clipboard-write"],
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
  return {
    page: context.pages()[0] ?? (await context.newPage()),
    async close() {
      await context.close();
      fs.rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** A fresh copy of a project to work in; `removeProject` takes it away. */
export function copyProject(source = path.join(ROOT, "tests", "workbench", "project")) {
  const parent = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "jaxsight-project-"));
  const folder = path.join(parent, path.basename(source));
  fs.cpSync(source, folder, { recursive: true });
  return folder;
}

export function removeProject(folder) {
  fs.rmSync(path.dirname(folder), { recursive: true, force: true });
}
