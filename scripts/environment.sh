# Sourced by the other scripts, never run: where things lie, and how the clone's environments are made.
# Everything that is installed or cached lies inside the clone; HOME need not exist.
# shellcheck shell=bash

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

CACHE="${JAXSIGHT_MAKE_CACHE:-$ROOT/.cache}" # elsewhere only for the tests, to share what is downloaded
export XDG_CACHE_HOME="$CACHE/xdg/cache"
export XDG_CONFIG_HOME="$CACHE/xdg/config"
export XDG_DATA_HOME="$CACHE/xdg/data"
export XDG_STATE_HOME="$CACHE/xdg/state"
export PIP_CACHE_DIR="$CACHE/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export UV_CACHE_DIR="$CACHE/uv" UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
export npm_config_cache="$CACHE/npm" npm_config_update_notifier=false npm_config_fund=false
export JAX_COMPILATION_CACHE_DIR="$CACHE/jax"
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME

NEEDED_UV="0.8"
SUPPORTED="3.10 to 3.14"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# The Python version `MAJOR.MINOR` of an interpreter; nothing where it does not run.
python_version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# The path of an interpreter of that version, on PATH or of pyenv; nothing where there is none.
find_python() {
    local version=$1 candidate
    for candidate in "python$version" "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/"$version".*/bin/python; do
        if [ "$(python_version "$candidate")" = "$version" ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

# The interpreter that `.venv` is made from: python3 where we support it, else another that is found.
default_python() {
    local here version found
    here=$(python_version python3)
    case $here in
        3.10 | 3.11 | 3.12 | 3.13 | 3.14)
            python3 -c 'import sys; print(sys.executable)'
            return
            ;;
    esac
    for version in 3.13 3.12 3.11 3.10 3.14; do
        found=$(find_python "$version")
        if [ -n "$found" ]; then
            echo "$found"
            return
        fi
    done
    die "JAX Sight needs Python $SUPPORTED, and python3 here is ${here:-not there}. Install a newer one, for example with \`apt install python3\` or \`brew install python\`."
}

uv_is_new_enough() {
    "$1" --version 2>/dev/null | awk -v needed="$NEEDED_UV" '
        { split($2, has, "."); split(needed, min, "."); ok = has[1] > min[1] || (has[1] == min[1] && has[2] >= min[2]) }
        END { exit !ok }'
}

# Sets UV: the one on PATH, else our own in .tools/, put there by pip (Debian refuses a plain `pip install`).
find_uv() {
    local own="$ROOT/.tools/uv/bin/uv" python base
    if uv_is_new_enough uv; then
        UV=uv
        return
    fi
    UV=$own
    if uv_is_new_enough "$own"; then
        return
    fi
    python=$(default_python)
    if ! "$python" -m pip --version >/dev/null 2>&1; then # an environment without pip: what it was made from may have it
        base=$("$python" -c 'import sys; print(sys._base_executable)' 2>/dev/null || true)
        [ -n "$base" ] && "$base" -m pip --version >/dev/null 2>&1 \
            || die "neither uv nor pip is there for $python. Install one, for example \`apt install python3-pip\`."
        python=$base
    fi
    echo "Installing uv into .tools/uv"
    rm -rf "$ROOT/.tools/uv"
    # pip asks rustc for its version, and rustup writes to HOME where it finds nothing of its own.
    RUSTUP_HOME="$CACHE/rustup" "$python" -m pip install --quiet --no-warn-script-location --target "$ROOT/.tools/uv" "uv>=$NEEDED_UV" \
        || die "uv could not be installed from PyPI (the lines above say why). Is there a network? Behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL."
}

# sync VENV PYTHON OPTION...: makes or brings up to date an environment from uv.lock.
# One that exists keeps its Python and whatever else was put into it.
sync() {
    local venv=$1 python=$2
    shift 2
    if [ -x "$venv/bin/python" ] && [ -n "$(python_version "$venv/bin/python")" ]; then
        python="$venv/bin/python"
    fi
    UV_PROJECT_ENVIRONMENT="$ROOT/$venv" "$UV" sync --quiet --locked --inexact --python "$python" "$@" \
        || die "the packages of $venv could not be installed (the lines above say why). Is there a network? Behind a proxy set HTTPS_PROXY, with a mirror UV_DEFAULT_INDEX."
}
