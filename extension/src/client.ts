import * as vscode from "vscode";
import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
} from "vscode-languageclient/node";

import type { Channels } from "./log.js";
import { RUN_LOG, STATUS, type ServerStatus } from "./messages.js";
import { findServerPython, findUserPython, type FoundInterpreter, NoPython } from "./python.js";
import { linkRulePages } from "./rules.js";
import { explicitSettings } from "./settings.js";
import { SELECTOR, Status } from "./status.js";
import { NAME, text } from "./text.js";

const MOST_CRASHES = 4;
const CRASH_WINDOW = 3 * 60_000;

/** The server's life: found a Python, started, started again, stopped. */
export class Server implements vscode.Disposable {
  readonly status = new Status();
  python: FoundInterpreter | undefined;
  lastStatus: ServerStatus | undefined;
  private client: LanguageClient | undefined;
  private restarting: Promise<void> | undefined;
  private queued = false;
  private crashes: number[] = [];

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly channels: Channels,
  ) {}

  /** The client while the server answers. */
  get running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  /** Start the server anew. One restart runs, one more waits; others are the same as the one that waits. */
  async restart(): Promise<void> {
    if (this.restarting) {
      this.queued = true;
      await this.restarting;
      return;
    }
    this.restarting = this.restartQueued();
    try {
      await this.restarting;
    } finally {
      this.restarting = undefined;
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.lastStatus = undefined;
    if (!client) return;
    try {
      await client.dispose();
    } catch (error) {
      this.channels.client.warn(`the server did not stop in order: ${String(error)}`);
    }
  }

  dispose(): void {
    this.status.dispose();
    void this.stop();
  }

  private async restartQueued(): Promise<void> {
    do {
      this.queued = false;
      this.crashes = [];
      await this.stop();
      await this.start();
    } while (this.needsAnother());
  }

  private needsAnother(): boolean {
    return this.queued; // set by a call of restart() while this one ran
  }

  private async start(): Promise<void> {
    this.status.busy(text.status.starting);
    try {
      this.python = await findServerPython(this.channels.client);
      const { path, how, version } = this.python;
      this.channels.client.info(`the server runs under ${path} (${how}), Python ${version}`);
      this.client = this.createClient(this.python, await findUserPython(vscode.workspace.workspaceFolders?.[0]?.uri));
      await this.client.start();
    } catch (error) {
      this.report(error);
    }
  }

  private report(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.channels.client.error(why);
    if (error instanceof NoPython) {
      const title = text.action.chooseInterpreter;
      this.status.problem(why, { command: "jaxsight.chooseInterpreter", title });
    } else {
      this.fail(text.status.failed(why));
    }
  }

  private fail(message: string): void {
    this.status.problem(message, { command: "jaxsight.showServerLog", title: text.action.showLog });
  }

  private createClient(python: FoundInterpreter, interpreter: string | undefined): LanguageClient {
    const main = this.context.asAbsolutePath("bundled/main.py");
    // -I -S: nothing of the environment, neither variables nor site-packages, reaches the server
    const executable = {
      command: python.path,
      args: ["-I", "-S", "-X", "utf8", main, "server"],
      options: { env: process.env },
    };
    const extension = this.context.extension;
    const client = new LanguageClient("jaxsight", NAME, executable, {
      documentSelector: SELECTOR,
      outputChannel: this.channels.server,
      traceOutputChannel: this.channels.server,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: {
        trusted: vscode.workspace.isTrusted,
        settings: explicitSettings(extension),
        interpreter: interpreter ?? null,
        clientCommands: true,
      },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.closed(),
      },
      diagnosticPullOptions: { onChange: true, onSave: true },
      middleware: {
        ...linkRulePages(this.context),
        workspace: {
          configuration: (params) =>
            params.items.map((item) =>
              item.section === "jaxsight"
                ? explicitSettings(extension, item.scopeUri === undefined ? undefined : vscode.Uri.parse(item.scopeUri))
                : null,
            ),
        },
      },
    });
    client.onNotification(STATUS, (status) => {
      this.lastStatus = status;
      this.status.ready(python, status);
    });
    client.onNotification(RUN_LOG, ({ text: printed }) => {
      this.channels.runs.append(printed);
    });
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Starting) this.status.busy(text.status.starting);
      if (newState === State.Running) this.status.ready(python, this.lastStatus);
    });
    return client;
  }

  /** The server ended and nobody asked it to: start it again, but not for ever. */
  private closed(): CloseHandlerResult {
    const now = Date.now();
    this.crashes = [...this.crashes.filter((time) => now - time < CRASH_WINDOW), now];
    if (this.crashes.length > MOST_CRASHES) {
      const message = text.status.crashed(this.crashes.length);
      this.channels.client.error(message);
      this.fail(message);
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.channels.client.warn(text.status.restarting);
    this.status.busy(text.status.restarting);
    return { action: CloseAction.Restart, handled: true };
  }
}
