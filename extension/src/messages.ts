/** The requests and notifications that the server and we have beyond the Language Server Protocol. */

import { NotificationType, RequestType } from "vscode-languageclient/node";

import type { Run, RunResult } from "./views/view.js";

export interface RunParams extends Run {
  readonly input?: string;
  readonly importFile?: boolean;
  readonly interpreter?: string;
  readonly workDoneToken: string;
}

export interface ServerStatus {
  readonly health: "ok" | "warning" | "error";
  readonly message: string;
  readonly serverPython: string;
  readonly interpreter: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly rules: number;
  readonly configFile: string | null;
  readonly index: { readonly state: "none" | "building" | "ready" | "failed"; readonly files: number };
}

export const RUN = new RequestType<RunParams, RunResult, void>("jaxsight/run");
export const RUN_LOG = new NotificationType<{ stream: string; text: string }>("jaxsight/runLog");
export const STATUS = new NotificationType<ServerStatus>("jaxsight/status");
