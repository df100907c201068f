#!/usr/bin/env bash
# Prints the table of speed: what is measured, its goal, the figure, and whether the goal is met.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python=$(default_python)
find_uv
sync .venv "$python" --group jax
.venv/bin/python -m benchmarks "$@"
