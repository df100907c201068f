#!/usr/bin/env bash
# VS Code in the browser on this machine, with the extension and a copy of the examples to play with.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

find_uv
[ -x .venv/bin/python ] || sync .venv "$(default_python)" --group jax
bash scripts/workbench-setup.sh
bash scripts/vsix.sh

home="$ROOT/.tools/editor"
node="$ROOT/.tools/workbench/node/bin/node"
entry="$ROOT/.tools/workbench/code-server/node_modules/code-server/out/node/entry.js"
port="${PORT:-8765}"
password=$("$ROOT/.venv/bin/python" -c 'import secrets; print(secrets.token_urlsafe(12))')
mkdir -p "$home/data/User" "$home/data/Machine"
if [ ! -d "$home/examples" ]; then
    cp -r "$ROOT/examples" "$home/examples"
fi
# a Python with JAX for runs; over a remote connection such settings are the machine's
printf '{ "jaxsight.runner.interpreter": "%s" }\n' "$ROOT/.venv/bin/python" >"$home/data/Machine/settings.json"
if [ ! -e "$home/data/User/settings.json" ]; then
    printf '{ "telemetry.telemetryLevel": "off", "extensions.autoCheckUpdates": false, "chat.disableAIFeatures": true, "workbench.startupEditor": "none" }\n' >"$home/data/User/settings.json"
fi
common=(--config "$home/config.yaml" --user-data-dir "$home/data" --extensions-dir "$home/extensions")
package=$(ls -t dist/jaxsight-*-"$("$node" -p 'process.platform + "-" + process.arch')".vsix | head -n 1)
"$node" "$entry" "${common[@]}" --install-extension "$package" --force >/dev/null

echo
echo "VS Code with JAX Sight and a copy of the examples (.tools/editor/examples):"
echo
echo "    http://127.0.0.1:$port/?folder=$home/examples"
echo "    password: $password"
echo
echo "It listens on this machine alone; another port: make editor PORT=9000. Ctrl-C ends it."
export PASSWORD="$password"
exec "$node" "$entry" "${common[@]}" --auth password --bind-addr "127.0.0.1:$port" \
    --disable-telemetry --disable-update-check --disable-workspace-trust --disable-getting-started-override
