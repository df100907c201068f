import * as vscode from "vscode";

import { NAME } from "./text.js";

/** The places where what happens is written down. */
export interface Channels {
  readonly client: vscode.LogOutputChannel;
  readonly server: vscode.LogOutputChannel;
  /** What the user's own program prints while it is run. */
  readonly runs: vscode.OutputChannel;
}

export function createChannels(): Channels {
  const client = vscode.window.createOutputChannel(NAME, { log: true });
  const server = vscode.window.createOutputChannel(`${NAME} Server`, { log: true });
  const runs = vscode.window.createOutputChannel(`${NAME} runs`);
  return { client, server, runs };
}
