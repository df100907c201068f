#!/usr/bin/env bash
# Installs JAX Sight and JAX into the clone and does the main job on examples/.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

started=$SECONDS
export JAX_PLATFORMS=cpu
export PATH="$ROOT/.venv/bin:$PATH"

# show EXPECTED COMMAND...: prints a command, runs it, and ends the demo where its exit status differs.
show() {
    local expected=$1 status=0
    shift
    printf '\n\033[1;36m$ %s\033[0m\n' "$*"
    "$@" || status=$?
    if [ "$status" -ne "$expected" ]; then
        die "\`$*\` ended with status $status instead of $expected. Please report this with the lines above."
    fi
}

say "Installing JAX Sight and JAX into $ROOT/.venv (nothing is written outside this folder)"
python=$(default_python)
find_uv
sync .venv "$python" --no-default-groups --group jax
echo "done after $((SECONDS - started)) s"

say "1. What is wrong in examples/, without running any of it"
show 1 jaxsight check examples

say "2. What the fixes would change in one file"
show 1 jaxsight check --diff --unsafe-fixes examples/train_nnx.py

say "3. How fast is a function? Measured in a process of its own, on the CPU"
show 0 jaxsight bench examples/heat.py::misfit

say "4. Is a hand-written derivative right? This one is ..."
show 0 jaxsight grad examples/heat.py::solve
say "   ... and this one is not, though training with it seems to work"
show 1 jaxsight grad examples/heat.py::step

say "That was JAX Sight, in $((SECONDS - started)) s. What next?"
cat <<TEXT
  make editor                                   the same in VS Code, in your browser, with the examples open
  .venv/bin/jaxsight check --fix examples       apply the safe fixes; add --unsafe-fixes for the rest (git diff shows them)
  .venv/bin/jaxsight check ~/your/project       your own code; nothing of it is run
  .venv/bin/jaxsight explain key-reuse          a rule's page; \`jaxsight rules\` lists them
  examples/README.md                            what is wrong in the examples, and why
TEXT
