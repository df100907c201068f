#!/usr/bin/env bash
# Writes the generated files: rule pages, settings, schema, protocol page.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python=$(default_python)
find_uv
sync .venv "$python" --group jax
.venv/bin/python docs/generate.py
