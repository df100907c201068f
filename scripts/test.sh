#!/usr/bin/env bash
# Installs what the tests need and runs all of them; a layer that fails does not stop the next.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

started=$SECONDS
summary=""
failed=0

# layer NAME COMMAND...: runs one layer and notes how it ended and how long it took.
layer() {
    local name=$1 before=$SECONDS outcome=passed
    shift
    say "$name"
    "$@" || {
        outcome=FAILED
        failed=1
    }
    summary+=$(printf '%-28s %-8s %4d s' "$name" "$outcome" $((SECONDS - before)))$'\n'
}

python_environments() {
    local version interpreter
    find_uv
    sync .venv "$python" --group jax
    for version in 3.11 3.12; do # JAX 0.10 and 0.12: the examples are run on both
        [ "$(python_version .venv/bin/python)" != "$version" ] || continue
        interpreter=$(find_python "$version")
        if [ -n "$interpreter" ]; then
            sync ".venv-$version" "$interpreter" --group jax
        else
            echo "No Python $version on PATH or under pyenv: the examples are not run on the JAX that it resolves to"
        fi
    done
}

# What starts processes of its own runs beside everything else, so that two cores have work.
second_lane() {
    summary=""
    failed=0
    layer "pytest: runner, examples" pytest -q --durations=10 tests/runner tests/examples
    layer "extension and workbench" bash scripts/test-workbench.sh # says so where it skips the browser
    printf '%s' "$summary" >"$CACHE/second-lane.summary"
    exit $failed
}

python=$(default_python)
command -v npm >/dev/null || die "npm is not there. Install Node with npm, for example \`apt install npm\` or \`brew install node\`."
layer "system packages" bash scripts/system-packages.sh
layer "python environments" python_environments
export PATH="$ROOT/.venv/bin:$PATH"
layer "ruff" bash -c 'ruff check . && ruff format --check .'
layer "pyright" pyright
mkdir -p "$CACHE"
rm -f "$CACHE/second-lane.summary"
second_lane >"$CACHE/second-lane.log" 2>&1 &
lane=$!
layer "pytest: everything else" \
    pytest -q --durations=10 --ignore tests/workbench --ignore tests/runner --ignore tests/examples
wait "$lane" || failed=1
cat "$CACHE/second-lane.log"
summary+=$(cat "$CACHE/second-lane.summary" || echo "the second lane ended early")$'\n'

say "Summary"
printf '%s' "$summary"
printf '%-37s %4d s\n' "together" $((SECONDS - started))
exit $failed
