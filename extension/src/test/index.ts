/** Runs inside the extension host: VS Code calls `run`. `JAXSIGHT_SUITE` picks the suite. */

import * as fs from "node:fs";

import Mocha from "mocha";

import { canary } from "./canary.js";
import { extensionTests } from "./extension.js";

const SUITES: Readonly<Record<string, () => void>> = { canary, extension: extensionTests };

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: 60_000, reporter: "spec", color: false });
  const name = process.env["JAXSIGHT_SUITE"] ?? "extension";
  const define = SUITES[name];
  if (!define) throw new Error(`there is no suite ${name}`);
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  define();
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  const result = process.env["JAXSIGHT_RESULT"];
  if (result) fs.writeFileSync(result, String(failures)); // so that no end of the window looks like success
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
