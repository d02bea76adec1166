#!/usr/bin/env bash
# Throws random input at the parsers: scripts/fuzz.sh [seconds] [target…]. 60 seconds for each of all targets, if nothing
# is said. Installs what is missing. What is found stands in fuzz/artifacts; what is learnt, in fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
targets=("${@:2}")
# libFuzzer takes 0 for no end.
[ "$seconds" -gt 0 ] || { echo "fuzz: name a number of seconds above 0" >&2; exit 1; }

# libFuzzer is built from its source.
if ! command -v c++ >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "fuzz: a C++ compiler is missing: install g++" >&2; exit 1; }
    apt-get update -qq && apt-get install -y -qq g++
fi
. scripts/tool.sh
need_tool cargo-fuzz 0.13.2

# A sanitizer needs a nightly toolchain. The crates forbid unsafe code, so there is nothing for one to find, and it would
# take half of the time.
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
    # A run that has come no further than what it was given shows nothing.
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
