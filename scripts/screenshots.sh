#!/usr/bin/env bash
# Makes the README's pictures anew: the examples in a real VS Code, with the extension as it is shipped.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

find_uv
[ -x .venv/bin/python ] || sync .venv "$(default_python)" --group jax
bash scripts/workbench-setup.sh --tests
bash scripts/vsix.sh
.tools/workbench/node/bin/node tests/workbench/screenshots.mjs docs/images
ls -l docs/images
