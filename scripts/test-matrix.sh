#!/usr/bin/env bash
# Runs the runner's tests under several releases of JAX and Python, each in an environment of its own in .tools/matrix.
# What is chosen: `bash scripts/test-matrix.sh 0.4.30 newest`; without arguments all of them.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# JAX, Python, and what else must be older: JAX does not bound its libraries from above.
MATRIX="
0.4.30 3.10 numpy<2.1 flax<0.9
0.4.35 3.11 numpy<2.2 flax<0.10.3
0.6.2  3.12
newest 3.13
newest 3.14
"
TESTS=(pytest pytest-asyncio pytest-lsp hypothesis jsonschema)

find_uv
wanted=("$@")
failed=0
summary=""
while read -r jax python pins; do
    [ -n "$jax" ] || continue
    if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $jax "* ]]; then
        continue
    fi
    interpreter=$(find_python "$python")
    if [ -z "$interpreter" ]; then
        summary+="JAX $jax: no Python $python on PATH or under pyenv, not run"$'\n'
        continue
    fi
    folder=.tools/matrix/$jax-$python
    say "JAX $jax on Python $python"
    [ -x "$folder/bin/python" ] || "$UV" venv -q -p "$interpreter" "$folder"
    release=$([ "$jax" = newest ] && echo jax || echo "jax==$jax jaxlib==$jax")
    # shellcheck disable=SC2086 # the words are separate requirements
    "$UV" pip install -q -p "$folder/bin/python" -e . "${TESTS[@]}" $release flax optax numpyro chex jaxtyping equinox jaxopt $pins
    outcome=passed
    "$folder/bin/python" -m pytest -q tests/runner -p no:cacheprovider || {
        outcome=FAILED
        failed=1
    }
    summary+="JAX $("$folder/bin/python" -c 'import jax; print(jax.__version__)') on Python $python: $outcome"$'\n'
done <<<"$MATRIX"

say "Summary"
printf '%s' "$summary"
exit $failed
