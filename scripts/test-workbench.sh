#!/usr/bin/env bash
# The extension, packed, in real editors: its types and lint, the package, tests in the extension host,
# journeys in the workbench. Skips the browser's part, with a reason, where there is no code-server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export npm_config_cache="${npm_config_cache:-$PWD/.cache/npm}"

bash scripts/vsix.sh
npm --prefix extension run --silent check
npm --prefix extension run --silent build # the tests; the package holds the production build
JAXSIGHT_PACKED=1 .venv/bin/python -m pytest -q tests/workbench

status=0
bash scripts/workbench-setup.sh --tests || status=$?
if [ "$status" = 3 ]; then
  echo "skipped: tests in a real editor, for the reason above"
  exit 0
fi
[ "$status" = 0 ] || exit "$status"
rm -rf test-results
.tools/workbench/node/bin/node --test --test-concurrency=1 --test-reporter=spec \
  tests/workbench/exthost.test.mjs tests/workbench/journeys.test.mjs
