#!/usr/bin/env bash
# Installs the system packages that the tests need and that are missing: a browser and two editors.
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [ "$(uname)" != Linux ] || ! command -v apt-get >/dev/null; then
    echo "No apt here: tests that need Neovim, Emacs or Chromium run where these are installed, and are skipped elsewhere"
    exit 0
fi

has() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# Emacs before 29 does not bring eglot; g++, make and libkrb5-dev build code-server's native modules.
missing=()
for package in neovim emacs-nox chromium g++ make libkrb5-dev; do
    has "$package" || missing+=("$package")
done
if ! has elpa-eglot && apt-cache show elpa-eglot >/dev/null 2>&1; then
    missing+=(elpa-eglot)
fi
if [ ${#missing[@]} -eq 0 ]; then
    echo "all there"
    exit 0
fi

root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing and there is no sudo to install them: ${missing[*]}"
    root=sudo
fi
echo "Installing with \`${root:+sudo }apt-get install\`: ${missing[*]}"
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
