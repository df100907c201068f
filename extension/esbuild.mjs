// Bundles the extension, the report's page and the tests. `--production`: minified, without maps.
import * as esbuild from "esbuild";

const production = process.argv.includes("--production");
const common = { bundle: true, minify: production, sourcemap: !production, logLevel: "warning" };
const node = { ...common, platform: "node", format: "cjs", target: "node20" };

await Promise.all([
  esbuild.build({
    ...node,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    external: ["vscode"],
  }),
  esbuild.build({
    ...common,
    platform: "browser",
    format: "iife",
    target: "es2022",
    entryPoints: ["src/webview/report.ts"],
    outfile: "dist/report.js",
  }),
  ...(production
    ? []
    : [
        esbuild.build({
          ...node,
          entryPoints: ["src/test/index.ts"],
          outfile: "out/test/index.js",
          external: ["vscode", "mocha"],
        }),
      ]),
]);
