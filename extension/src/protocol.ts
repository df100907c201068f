// Made from runner/jaxsight_runner/protocol by docs/generate.py.

/** How long a benchmark measures. */
export interface BenchmarkOptions {
  /** time budget of each measured phase */
  seconds: number;
  warmup_seconds: number;
  /** stop when half the confidence interval is below this share */
  precision: number;
  minimum_samples: number;
  /** also without jit, with a warm cache, and by source line */
  extras: boolean;
  /** of a comparison: what differs by less than this share is the same */
  threshold: number;
}

/** How thoroughly gradients are checked. */
export interface GradientsOptions {
  directions: number;
  seed: number;
  /** 2: check the derivative of the gradient, too */
  order: number;
}

/** What an inspection brings along. */
export interface InspectionOptions {
  /** the texts of the jaxpr, StableHLO and optimised HLO */
  programs: boolean;
  /** measure the device, unless that was done before */
  roofline: boolean;
}

/** What a report on sharding brings along. */
export interface ShardingOptions {
  /** that the estimate assumes; null: this one, else an H100 */
  accelerator: string | null;
  /** weak and strong scaling; refused on simulated devices */
  measure: boolean;
  /** measure there all the same: for tests, the times mean nothing */
  on_simulated: boolean;
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
}

/** The function that a benchmark compares with; the same one of another text, or another one. */
export interface Other {
  /** of the source file, absolute */
  path: string;
  text: string;
  qualname: string;
  /** what to call it: `HEAD~1`, `other.py::step` */
  name: string;
  /** what the reader of the comparison has to know */
  notes: string[];
}

/** What a sweep changes. */
export interface SweepAxis {
  /** a dimension that the inputs name, `dtype` of all floating arrays, or `device` */
  name: string;
  /** sizes, `f32`, `gpu` */
  values: string[];
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
  /** compare with it, side by side */
  other: Other | null;
  /** measure at each combination of their values, too */
  sweep: SweepAxis[];
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
  options: GradientsOptions;
}

/** Say what JAX and the compiler make of a function. It is compiled, and not run. */
export interface InspectionRequest {
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
  options: InspectionOptions;
}

/** Say what becomes of a function on several devices. It is compiled, and not run. */
export interface ShardingRequest {
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
  options: ShardingOptions;
}

/** Say the shape of every local variable. Nothing is computed. */
export interface ShapesRequest {
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
}

/** Call a function a few times and say what goes wrong or costs time. */
export interface DiagnosisRequest {
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
  /** the folder with values that a capture kept */
  recorded_values: string | null;
  /** may importing the file run more than definitions? */
  import_file: boolean;
  /** the project's folder */
  root: string | null;
  /** `data=4, model=2`: the axes that input specs shard over */
  mesh: string | null;
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

/** What one of several processes is told, in a word on its command line. */
export interface RankJob {
  /** a request's line, as `encode` makes it */
  request: string;
  /** null: the launcher says it */
  rank: number | null;
  processes: number | null;
  /** host:port where the first one waits, if all are on one host */
  coordinator: string | null;
  /** a launcher may not pass these on */
  env: Record<string, string>;
}

/** The first word of one of several processes. */
export interface Up {
  rank: number;
  processes: number;
  pid: number;
}

/** Told twice a second by one of several processes: where it is, and that it lives. */
export interface Tick {
  phase: "start" | "import" | "arguments" | "trace" | "lower" | "compile" | "execute" | "compare";
  /** seconds of computing so far */
  cpu: number;
  /** the user's innermost line that runs, where there is one */
  path: string | null;
  line: number | null;
}

/** Where a code cell begins in the module that is run. */
export interface CellStart {
  /** from 1, over all cells */
  cell: number;
  /** of the module, from 1 */
  line: number;
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
  /** lines of statements that were not run, as nothing here needs them */
  left_out: number[];
  /** of a notebook, in whose module all lines are counted */
  cells: CellStart[];
}

/** One argument the function was run with. */
export interface Input {
  name: string;
  /** `f32[128,64]`, `key`, or the expression */
  value: string;
  /** "request", "comment", "file" (.jaxsight/inputs.toml), "captured" (as there), "annotation" */
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
  /** the same with a filled persistent cache */
  warm_compile: number | null;
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

/** The function without `jax.jit`, operation by operation. */
export interface Eager {
  /** seconds for one call and its result */
  latency: Interval;
  /** seconds; each operation is compiled at its first use */
  first_call: number;
  /** calls after which compiling has cost less; null: never */
  paid_after: number | null;
}

/** Time on the device that one source line took in one call. */
export interface LineTime {
  path: string;
  line: number;
  /** of the line, where it is in the target's file */
  text: string;
  /** summed over the device's threads */
  seconds: number;
  /** of the time of all operations */
  share: number;
  /** lines whose work the compiler merged with this one's into single operations */
  fused_with: number[];
  estimated: number;
}

/** What the profiler saw on the device, for one call. */
export interface DeviceTime {
  /** seconds in which at least one operation ran */
  busy: number;
  /** seconds of all operations, summed over threads */
  operations: number;
  /** the share that belongs to no line of the user's */
  unmapped: number;
  /** that were profiled */
  calls: number;
  /** the longest first */
  lines: LineTime[];
}

/** What the device did in a second, and which share that is of the most it was measured to do. */
export interface Achieved {
  /** per second, counted from the jaxpr: a loop's body as often as it runs */
  flops: number;
  /** of products of f32 matrices; null: not measured on this device */
  flops_share: number | null;
  /** per second, as the compiler counts; null: unknown, or there are loops */
  bytes: number | null;
  /** of copies */
  bytes_share: number | null;
}

/** The function beside another one: both called in turns, in one process, with the same inputs. */
export interface Comparison {
  /** of the other */
  name: string;
  other: Target;
  /** of the function, not of the other */
  verdict: "faster" | "slower" | "same" | "unsure";
  /** how many times as long as the other it takes: the median over pairs of samples */
  ratio: number;
  low: number;
  high: number;
  confidence: number;
  /** what differs by less than this share is the same */
  threshold: number;
  pairs: number;
  /** of the function, while they took turns */
  latency: Interval;
  other_latency: Interval;
  /** seconds per call; a pair stands at the same place of both */
  samples: number[];
  other_samples: number[];
  other_stages: Stages;
  other_inputs: Input[];
  /** close: as far as rounding goes */
  results: "equal" | "close" | "different" | "unknown";
  /** where the results differ, and by how much */
  difference: string | null;
  notes: string[];
}

/** The function at one combination of sizes, dtype and device. */
export interface SweepPoint {
  /** by the name of the axis */
  at: Record<string, string>;
  verdict: "ok" | "unstable" | "failed";
  latency: Interval | null;
  /** seconds to trace, lower and compile */
  compile: number | null;
  /** bytes that live at once, as the compiler says */
  memory: number | null;
  failure: string | null;
}

/** How the latency follows a size: as its power, where it follows it at all. */
export interface Growth {
  axis: string;
  /** where the other axes stood */
  at: Record<string, string>;
  /** null: fewer than three sizes where it grows */
  exponent: number | null;
  low: number | null;
  high: number | null;
  /** the sizes that the exponent was fitted to */
  start: number | null;
  end: number | null;
  /** up to this size it takes the same time: calling it is what costs */
  flat_until: number | null;
}

/** The function at several sizes, dtypes and devices. */
export interface Sweep {
  axes: string[];
  points: SweepPoint[];
  growth: Growth[];
}

/** What one of several processes measured of the calls that all of them made together. */
export interface RankLatency {
  rank: number;
  latency: Interval;
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
  eager: Eager | null;
  device: DeviceTime | null;
  achieved: Achieved | null;
  comparison: Comparison | null;
  sweep: Sweep | null;
  /** project file -> SHA-256 of it */
  imports: Record<string, string>;
  /** of several processes; the report is the first one's */
  ranks: RankLatency[];
  version: number;
  kind: "benchmark";
}

/** How the derivative with respect to one leaf of the arguments compares. */
export interface GradientLeaf {
  /** `params['w']` */
  path: string;
  dtype: string;
  shape: number[];
  verdict: "right" | "wrong" | "intended" | "kink" | "non-finite" | "dead" | "stopped" | "unused" | "unsure" | "not-differentiable";
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

/** Something about the gradient that a reader should know. */
export interface GradientFinding {
  kind: "wrong-rule" | "mismatch" | "forward-reverse" | "cut" | "non-finite" | "overflow" | "precision" | "no-reverse" | "random" | "elsewhere" | "trap" | "singular";
  /** an error makes the verdict "wrong" */
  level: "error" | "warning" | "note";
  message: string;
  place: SourceLocation | null;
  /** of the function that begins at `place` */
  last_line: number | null;
  leaves: string[];
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
  /** "f64", or what the program had to be differentiated in */
  precision: string;
  directions: number;
  notes: string[];
  inputs: Input[];
  environment: Environment;
  /** the errors first */
  findings: GradientFinding[];
  /** the gradient of the gradient, when asked for */
  second_order: GradientLeaf[];
  version: number;
  kind: "gradients";
}

/** Seconds from Python function to executable, with no cache of compiled programs. */
export interface CompileStages {
  trace: number;
  lower: number;
  compile: number;
}

/** What one line of the source costs, counted from the jaxpr; what nothing needs is left out. */
export interface LineCost {
  path: string;
  line: number;
  /** of the line, stripped */
  text: string;
  /** the bodies of `scan` by their length, those of `while` once */
  flops: number;
  /** results of exp, tanh and their kin */
  transcendentals: number;
  /** operands and results before fusion: an upper bound */
  bytes: number;
  /** equations of the jaxpr */
  operations: number;
  /** inside a `while` loop whose trips are not known: counted once */
  open_ended: boolean;
  /** primitives whose cost nobody can say */
  unknown: string[];
}

/** Values that change their dtype at a line. */
export interface Conversion {
  path: string;
  line: number;
  text: string;
  /** "bf16" */
  from_dtype: string;
  to_dtype: string;
  /** in all runs of the line */
  elements: number;
  /** to more bits: more memory, slower */
  widens: boolean;
  /** the line says so: `astype`, `dtype=` */
  written: boolean;
}

/** An array that the function captured: it is baked into the executable. */
export interface Constant {
  /** `f32[64,64]` */
  value: string;
  bytes: number;
  /** the first line that uses it */
  path: string | null;
  line: number | null;
}

/** What became of donated arguments. */
export interface Donation {
  arguments: string[];
  /** bytes that were offered */
  donated: number;
  /** bytes that the compiler writes results into */
  reused: number;
  /** what did not work, in the compiler's words */
  message: string | null;
}

/** The most memory that lives at once by the jaxpr, before fusion, and where that is. */
export interface Peak {
  bytes: number;
  path: string | null;
  line: number | null;
}

/** A line of a program's text and the line of the source that it comes from. Both from 1. */
export interface TextLink {
  text_line: number;
  path: string;
  line: number;
}

/** One form of the program. */
export interface ProgramText {
  form: "jaxpr" | "stablehlo" | "hlo";
  text: string;
  links: TextLink[];
}

/** What this device reached when it was measured: the roof over every other figure. */
export interface MachinePeak {
  flops_per_second: number;
  bytes_per_second: number;
  /** of the matrices that were multiplied */
  dtype: string;
  /** date, UTC */
  measured: string;
}

/** Where the function stands under the roof. */
export interface Roofline {
  /** FLOPs for each byte that the executable moves */
  intensity: number;
  /** the intensity from which computing, not memory, is the limit */
  ridge: number;
  bound: "compute" | "memory";
  /** seconds that this device would need at least */
  fastest: number;
}

/** What an inspection found. */
export interface InspectionReport {
  target: Target;
  stages: CompileStages;
  memory: Memory | null;
  peak: Peak | null;
  /** as the compiler counts */
  cost: Cost;
  /** as counted from the jaxpr */
  flops: number;
  transcendentals: number;
  /** the most expensive first */
  lines: LineCost[];
  conversions: Conversion[];
  constants: Constant[];
  collectives: Collective[];
  donation: Donation | null;
  /** `while` loops whose trips are not known */
  loops: SourceLocation[];
  machine: MachinePeak | null;
  roofline: Roofline | null;
  programs: ProgramText[];
  notes: string[];
  inputs: Input[];
  environment: Environment;
  version: number;
  kind: "inspection";
}

/** A variable that a line of a function sets, a parameter, or what is returned. */
export interface Local {
  path: string;
  line: number;
  /** "return" for what is returned */
  name: string;
  /** qualified name */
  function: string;
  kind: "parameter" | "local" | "return";
  /** `f32[B,64]`; several where the line ran with several */
  shapes: string[];
}

/** Why tracing ended, at the user's innermost line. */
export interface TraceFailure {
  message: string;
  path: string | null;
  line: number | null;
}

/** The shapes of every function of the user's that tracing reached. */
export interface ShapesReport {
  target: Target;
  how: "symbolic" | "two sizes" | "concrete";
  /** what each named dimension was: itself, or "7 and 11" */
  dimensions: Record<string, string>;
  /** up to the failure, where there is one */
  locals: Local[];
  failure: TraceFailure | null;
  notes: string[];
  inputs: Input[];
  environment: Environment;
  version: number;
  kind: "shapes";
}

/** One kind of communication between devices, at one line. */
export interface Collective {
  /** "all-reduce" */
  operation: string;
  /** in the executable */
  count: number;
  /** in one call: those in loops as often as these turn */
  times: number;
  /** inside a loop whose turns are not known: counted once */
  open_ended: boolean;
  /** of their results on one device, in one call */
  bytes: number;
  /** bytes that one device sends in one call, by the usual algorithm */
  sent: number;
  /** devices that take part in each */
  group: number;
  /** of the mesh, along which these lie; empty: no axes, or not known */
  axes: string[];
  path: string | null;
  line: number | null;
  /** of the line, stripped */
  text: string;
}

/** One axis of a mesh. */
export interface MeshAxis {
  name: string;
  size: number;
}

/** The devices by the names of their axes, and who said so. */
export interface DeviceMesh {
  axes: MeshAxis[];
  /** in words: "--mesh", "a comment", "`mesh` of the module" */
  source: string;
}

/** An array among the arguments or results, and how it lies on the devices. */
export interface PlacedArray {
  /** `params['w']`, `result[0]` */
  name: string;
  /** `f32[128,64]`, whole */
  value: string;
  /** `P('data', None)`, or in words */
  sharding: string;
  /** of the whole */
  bytes: number;
  bytes_per_device: number;
  /** how many devices hold the same part */
  copies: number;
  /** how it could be split, where it is not: `dimension 0 by data=8` */
  could: string | null;
}

/** A line whose work several devices do alike. */
export interface ReplicatedWork {
  path: string;
  line: number;
  text: string;
  /** on each device, in one call */
  flops: number;
  /** how often the same work is done on all devices together */
  times: number;
}

/** A value that its axis does not divide: some devices compute padding. */
export interface Uneven {
  path: string | null;
  line: number | null;
  /** `f32[100,64]` */
  value: string;
  dimension: number;
  parts: number;
  /** share of the work on this value that is padding */
  idle: number;
}

/** A result that comes back in another sharding than the argument whose place it takes. */
export interface Moved {
  /** `params['w']` */
  argument: string;
  result: string;
  /** `P('data',)` */
  went: string;
  came: string;
  bytes: number;
}

/** What one device does, and what one device alone would do. */
export interface Work {
  /** on each device, counted from the partitioned program */
  flops: number | null;
  /** of the program without sharding */
  whole_flops: number | null;
  /** how that was counted */
  whole_from: "executable" | "jaxpr" | "nothing";
  /** how often the average operation is done; 1: never twice */
  replication: number | null;
  /** bytes on each device */
  arguments: number;
  outputs: number | null;
  temporary: number | null;
  whole_arguments: number;
  whole_outputs: number;
  /** of the program on one device, where it was compiled */
  whole_temporary: number | null;
  /** operations that could not be counted */
  unknown: string[];
}

/** A model of the time of one call. Nothing was measured. */
export interface ScalingEstimate {
  /** the device that is assumed */
  accelerator: string;
  /** its peak, for the dtype */
  flops_per_second: number;
  dtype: string;
  /** that one device sends */
  link_bytes_per_second: number;
  /** seconds */
  compute: number;
  communication: number;
  /** everything that is sent overlaps with computing */
  low: number;
  /** nothing does */
  high: number;
  /** seconds that one such device would compute */
  one_device: number | null;
  /** of the peak and the link */
  source: string;
}

/** One measured number of devices. */
export interface ScalingPoint {
  devices: number;
  /** median of a call */
  seconds: number;
  low: number;
  high: number;
  /** against the fewest devices: 1 is perfect */
  efficiency: number;
}

/** Times of the function on ever more devices. */
export interface MeasuredScaling {
  /** then the times mean nothing */
  simulated: boolean;
  /** the same inputs, or inputs that grow with the devices */
  kind: "strong" | "weak";
  axis: string;
  points: ScalingPoint[];
}

/** What becomes of a function on several devices. */
export interface ShardingReport {
  target: Target;
  /** that the program was compiled for */
  devices: number;
  /** by the CPU: structure is right, times mean nothing */
  simulated: boolean;
  mesh: DeviceMesh | null;
  work: Work;
  replicated: ReplicatedWork[];
  /** who sends most, first */
  collectives: Collective[];
  arguments: PlacedArray[];
  results: PlacedArray[];
  moved: Moved[];
  uneven: Uneven[];
  estimate: ScalingEstimate | null;
  scaling: MeasuredScaling[];
  notes: string[];
  inputs: Input[];
  environment: Environment;
  processes: number;
  /** of several processes: what they differ in; null: they agree */
  agreement: string | null;
  unfinished: string | null;
  version: number;
  kind: "sharding";
}

/** One thing that was seen, at the line of the user's where it happens. */
export interface Symptom {
  trouble: "recompilation" | "transfer" | "leak" | "key-reuse" | "non-finite" | "dispatch" | "exception";
  message: string;
  path: string | null;
  line: number | null;
  /** of the line */
  text: string;
  /** in one call */
  count: number;
  /** that explains it: `jaxsight explain RULE` */
  rule: string | null;
}

/** What was seen in a few calls with equal arguments, each made anew. */
export interface DiagnosisReport {
  target: Target;
  symptoms: Symptom[];
  calls: number;
  checked: ("recompilation" | "transfer" | "leak" | "key-reuse" | "non-finite" | "dispatch" | "exception")[];
  /** what could not be checked, and why */
  notes: string[];
  inputs: Input[];
  environment: Environment;
  version: number;
  kind: "diagnosis";
}

/** Which function to watch, while which program runs. */
export interface CaptureRequest {
  /** of the source file, absolute */
  path: string;
  /** `step`, `Model.step`, `make_step.<locals>.step` */
  qualname: string;
  /** a script, `-m MODULE` or an installed command, and its arguments */
  program: string[];
  /** end the program after so many calls */
  stop_after: number | null;
  /** a folder for the values of first calls */
  keep_in: string | null;
}

/** An array in an argument, in the calls that were looked at closely. */
export interface Leaf {
  /** "batch['image']" */
  path: string;
  /** `f32[32,28,28,1]` */
  value: string;
  /** of the finite elements, as all that follows */
  low: number | null;
  high: number | null;
  mean: number | null;
  std: number | null;
  /** share of all elements */
  zeros: number | null;
  /** share of all elements */
  non_finite: number | null;
  /** where the array is spread over devices */
  sharding: string | null;
  /** weakly typed: its dtype yields to others */
  weak: boolean;
}

/** One argument. */
export interface CapturedArgument {
  name: string;
  /** "dict", "flax.training.train_state.TrainState" */
  type: string;
  /** `x: f32[8] in [0, 1]`, `n = 3`; null where none can be written */
  spec: string | null;
  leaves: Leaf[];
  /** why no spec can be written */
  reason: string | null;
  /** what to write instead: `model = Model(...)` */
  suggestion: string | null;
}

/** Calls whose arguments had the same structure, shapes and dtypes. */
export interface CapturedSignature {
  calls: number;
  /** "enclosing": those of the call around a trace */
  values: "concrete" | "enclosing" | "abstract";
  arguments: CapturedArgument[];
  /** the folder with the values of the first of these calls */
  kept: string | null;
}

/** What was recorded while the user's program ran. */
export interface CaptureReport {
  target: Target;
  calls: number;
  /** of them; the rest was only counted, to keep the program fast */
  looked_at: number;
  /** did the program load the file at all? */
  loaded: boolean;
  /** the most frequent first */
  signatures: CapturedSignature[];
  notes: string[];
  /** null where the program used no device */
  environment: Environment | null;
  version: number;
  kind: "capture";
}

/** What `doctor` asks: does this Python run jax, and on what? */
export interface EnvironmentReport {
  environment: Environment;
  devices: Device[];
  problems: string[];
  version: number;
  kind: "environment";
}

export type Report = BenchmarkReport | GradientsReport | InspectionReport | ShapesReport | ShardingReport | DiagnosisReport | CaptureReport | EnvironmentReport;
export type Outcome = Report | Question | Failure;
