#!/usr/bin/env bash
# Throws random input at the parsers: scripts/fuzz.sh [seconds] [target…]. 60 seconds for each of all targets, if nothing
# is said. Installs what is missing. What is found stands in fuzz/artifacts; what is learnt, in fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
targets=("${@:2}")

# libFuzzer is built from its source.
if ! command -v c++ >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "fuzz: a C++ compiler is missing: install g++" >&2; exit 1; }
    apt-get update -qq && apt-get install -y -qq g++
fi
command -v rustup >/dev/null || { echo "fuzz: rustup is missing, and fuzzing needs a nightly toolchain" >&2; exit 1; }
rustup run nightly cargo --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

# The crates forbid unsafe code, so there is nothing for a sanitizer to find, and it would take half of the time.
fuzz() { cargo +nightly fuzz "$1" --sanitizer none "${@:2}"; }

fuzz build
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
for target in "${targets[@]}"; do
    printf '\n== %s\n' "$target"
    mkdir -p "fuzz/corpus/$target"
    fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=2048 -timeout=10 -print_final_stats=1
done
