/** What the extension says to its user, beside package.json. */

export const NAME = "JAX Sight";

export const text = {
  status: {
    starting: "starting",
    stopped: "stopped",
    ready: (versions: string, rules: number) =>
      `${versions === "" ? NAME : versions} · ${rules} ${rules === 1 ? "rule" : "rules"}`,
    restricted: "Restricted Mode: findings are shown, nothing is run",
    noPython: "no Python 3.10 or newer found",
    crashed: (times: number) => `the server ended ${times} times in three minutes; it stays down`,
    restarting: "the server ended unexpectedly and is started again",
    failed: (why: string) => `the server did not start: ${why}`,
    server: (python: string) => `Server: ${python}`,
    runner: (python: string) => `Your Python: ${python}`,
    configuration: (file: string) => `Settings: ${file}`,
  },
  action: {
    chooseInterpreter: "Choose Interpreter",
    showLog: "Show Log",
    manageTrust: "Manage Workspace Trust",
    importFile: "Import the File",
    writeComment: "Write It Above the Function",
  },
  run: {
    untrusted: "This workspace is not trusted, so nothing of it is run. Findings are shown all the same.",
    noServer: "The server is not running, so nothing can be run.",
    noTarget:
      "There is no function here that JAX Sight can run. It runs functions that are traced, and those with a comment `# jaxsight: inputs ...` above them.",
    noEditor: "Open the Python file that holds the function first.",
    which: "Which function?",
    nothingYet: "Nothing has been run yet.",
    benchmark: (target: string) => `Benchmark ${target}`,
    gradients: (target: string) => `Check gradients of ${target}`,
    inspection: (target: string) => `Inspect ${target}`,
    shapes: (target: string) => `Shapes in ${target}`,
    sharding: (target: string) => `Sharding of ${target}`,
    diagnosis: (target: string) => `Diagnose ${target}`,
    inputs: (target: string) => `Inputs of ${target}`,
    offerComment: (target: string) => `Keep these inputs of ${target} in a comment above it?`,
    importLines: "These lines would run:",
  },
  report: {
    benchmark: "Benchmark",
    gradients: "Gradients",
    inspection: "Inspection",
    shapes: "Shapes",
    sharding: "Sharding",
    diagnosis: "Diagnosis",
  },
  interpreter: {
    title: "Python that runs the server of JAX Sight (3.10 or newer)",
    automatic: "Find one automatically",
    browse: "Browse ...",
    tooOld: (path: string, version: string) =>
      `${path} is Python ${version}; the server needs 3.10 or newer`,
    broken: (path: string) => `${path} could not be started`,
  },
  rule: {
    which: "Which rule?",
    none: (rule: string) => `This version of JAX Sight has no page for ${rule}.`,
  },
  bundle: "Copied. Please read it before you paste it anywhere: it holds paths of your machine.",
} as const;
