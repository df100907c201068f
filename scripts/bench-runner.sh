#!/usr/bin/env bash
# Prints whether the runner tells the truth: its times beside other harnesses, and how often a comparison is wrong.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python=$(default_python)
find_uv
sync .venv "$python" --group jax
.venv/bin/python -m benchmarks.runner "$@"
