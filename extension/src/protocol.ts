// Made from runner/jaxsight_runner/protocol by docs/generate.py.

/** How long a benchmark measures. */
export interface BenchmarkOptions {
  /** time budget of each measured phase */
  seconds: number;
  warmup_seconds: number;
  /** stop when half the confidence interval is below this share */
  precision: number;
  minimum_samples: number;
}

/** How thoroughly gradients are checked. */
export interface GradientsOptions {
  directions: number;
  seed: number;
}

/** Which function to run, on which text, with which inputs. */
export interface TargetRequest {
  /** of the source file, absolute */
  path: string;
  /** what the editor shows, which is what is run */
  text: string;
  /** dotted: `step`, `Model.step` */
  qualname: string;
  /** an input spec, or null to look for one */
  input: string | null;
  /** the spec in `.jaxsight/inputs.toml` */
  recorded_input: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
}

/** Measure a function. */
export interface BenchmarkRequest {
  /** of the source file, absolute */
  path: string;
  /** what the editor shows, which is what is run */
  text: string;
  /** dotted: `step`, `Model.step` */
  qualname: string;
  /** an input spec, or null to look for one */
  input: string | null;
  /** the spec in `.jaxsight/inputs.toml` */
  recorded_input: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  options: BenchmarkOptions;
}

/** Check a function's gradients against a numerical reference. */
export interface GradientsRequest {
  /** of the source file, absolute */
  path: string;
  /** what the editor shows, which is what is run */
  text: string;
  /** dotted: `step`, `Model.step` */
  qualname: string;
  /** an input spec, or null to look for one */
  input: string | null;
  /** the spec in `.jaxsight/inputs.toml` */
  recorded_input: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  options: GradientsOptions;
}

/** Say which Python, which JAX and which devices there are. */
export interface EnvironmentRequest {
}

/** The runner's first words, before it imports jax. */
export interface Hello {
  protocol: number;
  python: string;
  /** from the package's metadata; null when it is not installed */
  jax: string | null;
  pid: number;
}

/** What the runner is doing. */
export interface Progress {
  phase: "start" | "import" | "arguments" | "trace" | "lower" | "compile" | "execute" | "compare";
  message: string;
}

/** What the user's program printed; made by the client from the runner's standard error. */
export interface Log {
  stream: string;
  text: string;
}

/** A line of the user's file, counted from 1. */
export interface SourceLine {
  line: number;
  text: string;
}

/** Something only the user can decide; the same request with the answer goes on. */
export interface Question {
  kind: "inputs" | "import-file";
  message: string;
  lines: SourceLine[];
  /** an input spec to start from */
  suggestion: string | null;
}

/** Why there is no report, and in which phase it ended. */
export interface Failure {
  kind: "protocol" | "untrusted" | "start" | "old-python" | "no-jax" | "old-jax" | "syntax" | "missing-module" | "import" | "target" | "inputs" | "exception" | "unsupported" | "out-of-memory" | "timeout" | "crash";
  message: string;
  traceback: string | null;
  phase: "start" | "import" | "arguments" | "trace" | "lower" | "compile" | "execute" | "compare";
  /** the user's innermost line, where there is one */
  path: string | null;
  line: number | null;
  /** of the process, when it died; negative: the signal */
  exit_code: number | null;
}

/** What was run. */
export interface Target {
  path: string;
  qualname: string;
  /** SHA-256 of the text that was run */
  hash: string;
  /** of the definition, from 1 */
  line: number;
  /** in words: "compiled by the file's own jax.jit", "wrapped in jax.jit" */
  how: string;
}

/** One argument the function was run with. */
export interface Input {
  name: string;
  /** `f32[128,64]`, `key`, or the expression */
  value: string;
  /** "request", "comment", "file", "annotation", "default" */
  source: string;
  /** what was assumed: "integers drawn from 0 to 9" */
  note: string | null;
}

/** One device jax can use. */
export interface Device {
  id: number;
  kind: string;
  platform: string;
  /** bytes */
  memory: number | null;
}

/** On what it was run. */
export interface Environment {
  python: string;
  executable: string;
  jax: string;
  jaxlib: string;
  /** distribution name -> version, of those the reports depend on */
  libraries: Record<string, string>;
  /** "cpu", "gpu", "tpu" */
  platform: string;
  device_kind: string;
  device_count: number;
  x64: boolean;
  /** "Linux-6.1-x86_64" */
  system: string;
  cpu_count: number;
  /** XLA_FLAGS and JAX_* of the process */
  flags: Record<string, string>;
}

/** A line of a file, from 1. */
export interface SourceLocation {
  path: string;
  line: number;
}

/** Seconds from Python function to first result. */
export interface Stages {
  trace: number;
  lower: number;
  compile: number;
  first_call: number;
  /** False: compile is the cost of a cold compile */
  persistent_cache: boolean;
}

/** A median with its confidence interval, and how the samples behaved. */
export interface Interval {
  median: number;
  low: number;
  high: number;
  unit: string;
  confidence: number;
  samples: number;
  minimum: number;
  p90: number;
  outliers: number;
  /** median of the last third over that of the first, minus 1 */
  drift: number;
}

/** Bytes the executable needs, as the compiler says. */
export interface Memory {
  arguments: number;
  outputs: number;
  temporary: number;
  alias: number;
  generated_code: number;
  peak: number | null;
}

/** What the compiler counts; loop bodies are counted once, whatever their length. */
export interface Cost {
  flops: number | null;
  bytes_accessed: number | null;
}

/** Every sample that was kept, in seconds per call, in the order they were taken. */
export interface Samples {
  latency: number[];
  throughput: number[];
  /** calls in one sample */
  latency_calls: number;
  throughput_calls: number;
}

/** What a benchmark found. */
export interface BenchmarkReport {
  target: Target;
  stages: Stages;
  /** seconds for one call and its result */
  latency: Interval;
  /** seconds per call when calls are queued; null when donated */
  throughput: Interval | null;
  /** latency of a compiled function that does nothing */
  dispatch_floor: Interval | null;
  memory: Memory | null;
  cost: Cost;
  samples: Samples;
  verdict: "ok" | "unstable";
  /** why it is unstable */
  reasons: string[];
  notes: string[];
  inputs: Input[];
  donated: string[];
  environment: Environment;
  version: number;
  kind: "benchmark";
}

/** How the derivative with respect to one leaf of the arguments compares. */
export interface GradientLeaf {
  /** `params['w']` */
  path: string;
  dtype: string;
  shape: number[];
  verdict: "right" | "wrong" | "intended" | "kink" | "non-finite" | "dead" | "unused" | "unsure" | "not-differentiable";
  /** directional derivative by vjp */
  analytic: number | null;
  /** the same by central differences */
  numeric: number | null;
  /** relative */
  error: number | null;
  /** relative, of the numerical reference */
  uncertainty: number | null;
  message: string | null;
  /** the worst element, when it was looked for */
  element: number[] | null;
}

/** What a gradient check found. */
export interface GradientsReport {
  target: Target;
  verdict: "right" | "wrong" | "unsure";
  summary: string;
  culprit: SourceLocation | null;
  leaves: GradientLeaf[];
  /** why a mismatch is meant, from the source */
  intended: string | null;
  /** jvp against vjp, relative */
  forward_reverse_error: number | null;
  /** "f64", or what the reference had to be computed in */
  precision: string;
  directions: number;
  notes: string[];
  inputs: Input[];
  environment: Environment;
  version: number;
  kind: "gradients";
}

/** What `doctor` asks: does this Python run jax, and on what? */
export interface EnvironmentReport {
  environment: Environment;
  devices: Device[];
  problems: string[];
  version: number;
  kind: "environment";
}

export type Report = BenchmarkReport | GradientsReport | EnvironmentReport;
export type Outcome = Report | Question | Failure;
