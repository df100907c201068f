/** What is run, what comes of it, and what the results panel and its page say to each other. */

import type { CaptureReport, EnvironmentReport, Failure, Question, Report } from "../protocol.js";

/** What comes of running a function. */
export type RunReport = Exclude<Report, CaptureReport | EnvironmentReport>;

export type RunKind = RunReport["kind"];

/** The argument of the lens commands. */
export interface LensArgument {
  readonly uri: string;
  readonly target: string;
  readonly version?: number;
}

/** What the user wants to know, of which function. */
export interface Run extends LensArgument {
  readonly kind: RunKind;
}

export type RunResult =
  | { readonly status: "done"; readonly report: RunReport }
  | { readonly status: "question"; readonly question: Question }
  | { readonly status: "failed"; readonly failure: Failure };

/** The last word of a run. */
export type Outcome = Exclude<RunResult, { status: "question" }>;

/** What the panel shows; its page keeps this, so that it survives being hidden and a reload. */
export interface View {
  readonly run: Run;
  readonly outcome: Outcome;
}

/** What the page asks of the extension. */
export type Wish =
  | { readonly wish: "ready" }
  | { readonly wish: "again" }
  | { readonly wish: "copy" }
  | { readonly wish: "interpreter" }
  | { readonly wish: "output" }
  | { readonly wish: "rule"; readonly rule: string }
  | { readonly wish: "open"; readonly path: string; readonly line: number };

/** What the extension tells the page. */
export type News =
  | { readonly news: "view"; readonly view: View; readonly stale: boolean }
  | { readonly news: "stale"; readonly stale: boolean };
