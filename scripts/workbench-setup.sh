#!/usr/bin/env bash
# Installs a real VS Code that runs in a browser, into .tools/workbench of this clone:
# code-server with the Node it needs and playwright-core, all from npm. Nothing to do: 0.1 s.
#
#   scripts/workbench-setup.sh           the editor alone (`make editor`)
#   scripts/workbench-setup.sh --tests   and the browser that the tests drive it with
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CODE_SERVER=4.139.1 # VS Code 1.139.1; it insists on Node 24
NODE=24.21.0
PLAYWRIGHT=1.65.1
home="$PWD/.tools/workbench"
export npm_config_cache="$PWD/.cache/npm"

say() { printf 'workbench: %s\n' "$*" >&2; }

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-aarch64) platform=linux-arm64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  Darwin-x86_64) platform=darwin-x64 ;;
  *) say "there is no code-server for $(uname -sm)"; exit 3 ;;
esac

wanted() { # Debian packages that this run needs and the machine lacks
  command -v g++ >/dev/null || echo g++
  command -v make >/dev/null || echo make
  command -v python3 >/dev/null || echo python3
  [ -e /usr/include/gssapi/gssapi.h ] || echo libkrb5-dev # code-server compiles a module against it
  [ "${1:-}" != --tests ] || command -v chromium >/dev/null || echo chromium
}

install_system_packages() {
  local missing
  missing=$(wanted "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "please install: $missing(this machine has no apt-get)"
    exit 3
  fi
  say "installing with apt: $missing"
  local root=
  [ "$(id -u)" = 0 ] || root=sudo
  $root apt-get update -qq
  # shellcheck disable=SC2086 # one word each
  DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

install_node() {
  local stamp="$home/node-$NODE-$PLAYWRIGHT"
  [ -e "$stamp" ] && return 0
  say "Node $NODE and playwright-core $PLAYWRIGHT, from npm"
  mkdir -p "$home"
  [ -f "$home/package.json" ] || echo '{"private": true}' >"$home/package.json"
  npm --prefix "$home" install --no-audit --no-fund --ignore-scripts --save-exact --loglevel=error \
    "node-$platform@$NODE" "playwright-core@$PLAYWRIGHT" >&2
  ln -sfn "node_modules/node-$platform" "$home/node"
  touch "$stamp"
}

install_code_server() {
  local stamp="$home/code-server-$CODE_SERVER"
  [ -e "$stamp" ] && return 0
  say "code-server $CODE_SERVER, from npm; it compiles a few modules (2 to 4 minutes)"
  mkdir -p "$home/code-server"
  [ -f "$home/code-server/package.json" ] || echo '{"private": true}' >"$home/code-server/package.json"
  # nodedir: this Node brings its headers; without it node-gyp would download some
  PATH="$home/node/bin:$PATH" npm_config_nodedir="$home/node" \
    npm --prefix "$home/code-server" install --no-audit --no-fund --save-exact --loglevel=error \
    "code-server@$CODE_SERVER" >"$home/code-server.log" 2>&1 || {
    tail -n 40 "$home/code-server.log" >&2
    say "installing code-server failed; the whole log is $home/code-server.log"
    exit 1
  }
  "$home/node/bin/node" "$home/code-server/node_modules/code-server/out/node/entry.js" --version >&2
  touch "$stamp"
}

if [ "$platform" = linux-x64 ] || [ "$platform" = linux-arm64 ]; then
  install_system_packages "$@"
fi
install_node
install_code_server
