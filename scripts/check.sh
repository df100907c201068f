#!/usr/bin/env bash
# Lint, format, types, fast tests and generated files; stops at the first that fails.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

started=$SECONDS
python=$(default_python)
find_uv
sync .venv "$python" --group jax
export PATH="$ROOT/.venv/bin:$PATH"

say "ruff"
ruff check .
ruff format --check .
say "pyright"
pyright
say "generated files"
python docs/generate.py --check
say "fast tests"
pytest -q -m "not slow"
say "All right, in $((SECONDS - started)) s"
