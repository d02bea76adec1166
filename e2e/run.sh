#!/usr/bin/env bash
# Tests the demo with the npm client and a browser, GraphQL with its npm client, and tokens of an OpenID provider from npm.
# Installs what is missing, and prints one line for what it can't install.
set -euo pipefail
cd "$(dirname "$0")"

# If everything has to run, nothing is skipped.
missing() {
    echo "e2e: skipped, since $1 is missing and cannot be installed here: $2" >&2
    [ "${CI:-}" = true ] && exit 1 || exit 0
}

install() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v node >/dev/null && command -v npm >/dev/null || install nodejs npm || missing "Node.js" "install version 20 or later"
[ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
    || command -v google-chrome >/dev/null || install chromium || missing "Chromium" "install it, or name it in CHROMIUM"

npm ci --silent
# The browser takes as long as all the others. What hangs is a failure; a file takes two minutes.
exec node --test --test-concurrency=2 --test-timeout=420000
