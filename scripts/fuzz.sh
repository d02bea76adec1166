#!/usr/bin/env bash
# Feeds random input to the parsers: scripts/fuzz.sh [seconds] [target…]. Without arguments, every target runs for 60 seconds.
# Installs what is missing. Findings go to fuzz/artifacts, the corpus to fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
targets=("${@:2}")
# For libFuzzer, 0 means without end.
[ "$seconds" -gt 0 ] || { echo "fuzz: the number of seconds must be above 0" >&2; exit 1; }

# libFuzzer is built from source.
if ! command -v c++ >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "fuzz: a C++ compiler is missing: install g++" >&2; exit 1; }
    apt-get update -qq && apt-get install -y -qq g++
fi
. scripts/tool.sh
need_tool cargo-fuzz 0.13.2

# A sanitizer needs a nightly toolchain. The crates forbid unsafe code, so it would find nothing and take half of the time.
fuzz() { cargo fuzz "$1" --dev --sanitizer none "${@:2}"; }

cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
fuzz build
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
[ "${#targets[@]}" -gt 0 ] || { echo "fuzz: there are no targets" >&2; exit 1; }

# One target; what it says is shown if it fails.
run() {
    local target="$1" log given executed status=0
    log="$(mktemp)"
    trap 'rm -f "$log"' RETURN
    mkdir -p "fuzz/corpus/$target"
    given="$(find "fuzz/seeds/$target" "fuzz/corpus/$target" -type f | wc -l)"
    fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=2048 -timeout=10 -print_final_stats=1 >"$log" 2>&1 || status=$?
    executed="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    # A run that only repeats its corpus shows nothing.
    if [ "$status" != 0 ] || [ "${executed:-0}" -le "$given" ]; then
        cat "$log" >&2
        echo "fuzz: $target has failed, after ${executed:-no} inputs" >&2
        return 1
    fi
    printf '%s: %s inputs\n' "$target" "$executed"
}

# One target on each core.
export seconds
export -f fuzz run
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I {} bash -euo pipefail -c 'run "$1"' bash {}
