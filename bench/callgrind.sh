#!/usr/bin/env bash
# Instructions a request, as callgrind counts them inside the measured loop alone. They repeat exactly on one machine, and differ
# between processors.
# Usage: bash bench/callgrind.sh [service|micro] [part of the names]
set -euo pipefail
program="${1:-service}"
only="${2:-}"
results="${BENCH_RESULTS:-}"
manifest="$(dirname "$0")/Cargo.toml"
requests=1024

command -v valgrind >/dev/null || { echo "callgrind: valgrind is missing: apt-get install valgrind" >&2; exit 1; }
cargo build --release --quiet --manifest-path "$manifest" -p "$program"
binary="${CARGO_TARGET_DIR:-$(dirname "$0")/target}/release/$program"
part="$program"
[ "${LOG:-}" != info ] || part="$program, INFO"

LIST=1 "$binary" | while read -r name; do
    [[ "$name" == *"$only"* ]] || continue
    if ! log="$(env -u BENCH_RESULTS ONLY="$name" N="$requests" ROUNDS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect='*harness::measured*' "$binary" 2>&1 >/dev/null)"; then
        echo "callgrind: $name failed:" >&2
        echo "$log" >&2
        exit 1
    fi
    total="$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$log")"
    each=$((total / requests))
    printf '%-10s %-52s %10d instructions\n' "$part" "$name" "$each"
    if [ -n "$results" ]; then
        printf '{"part":"%s","name":"%s","unit":"ns","values":[],"instructions":%d}\n' "$part" "$name" "$each" >>"$results"
    fi
done
