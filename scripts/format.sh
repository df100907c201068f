#!/usr/bin/env bash
# Formats the Python code and mends what the linter can mend.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python=$(default_python)
find_uv
sync .venv "$python" --group jax
.venv/bin/ruff check --fix .
.venv/bin/ruff format .
