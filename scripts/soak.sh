#!/usr/bin/env bash
# Runs good and hostile clients of every kind against one server: scripts/soak.sh [seconds] [option…]. The default is 600
# seconds. Fails if the server's memory moves too far, or if anything is left in a registry. Options: scripts/soak.sh 600 --help.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-600}"
[ "$seconds" -ge 20 ] || { echo "soak: the number of seconds must be 20 or more" >&2; exit 1; }

# Each of the two processes has at most some 5,000 open connections.
if [ "$(ulimit -Sn)" != unlimited ] && [ "$(ulimit -Sn)" -lt 16384 ]; then
    ulimit -Sn 16384 || { echo "soak: 16384 file descriptors are needed (ulimit -n)" >&2; exit 1; }
fi
cargo build --release --locked -p demo --example soak
exec "${CARGO_TARGET_DIR:-target}/release/examples/soak" attack --seconds "$seconds" "${@:2}"
