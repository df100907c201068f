#!/usr/bin/env bash
# Builds the extension's packages into dist/: the one for this platform and the universal one.
# `scripts/vsix.sh --target all` builds every platform's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export npm_config_cache="$PWD/.cache/npm"
# shellcheck source=/dev/null
[ -e scripts/environment.sh ] && . scripts/environment.sh
if [ ! -e extension/node_modules/.package-lock.json ] || [ extension/package-lock.json -nt extension/node_modules/.package-lock.json ]; then
  npm --prefix extension ci --no-audit --no-fund --loglevel=error
fi
npm --prefix extension run --silent package
exec .venv/bin/python scripts/vsix.py "$@"
