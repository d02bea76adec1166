#!/usr/bin/env bash
# Makes one small change to the code at a time, and checks that a test fails: scripts/mutants.sh [crate…]. Without arguments, it
# runs for the four crates that check credentials, which takes most of a day. Installs what is missing. Missed changes are in
# target/mutants/CRATE/mutants.out/missed.txt. .cargo/mutants.toml says what is skipped, and why.
set -euo pipefail
cd "$(dirname "$0")/.."

crates=("$@")
[ "${#crates[@]}" -gt 0 ] || crates=(auth-core auth-jwt auth-basic ws-adapter)

command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
# Each build runs in a copy of the project, where the relative path to the vectors is wrong.
[ ! -d ../shared/vectors ] || export AUTH_VECTORS="${AUTH_VECTORS:-$PWD/../shared/vectors}"

missed=0
for crate in "${crates[@]}"; do
    printf '\n== %s\n' "$crate"
    mkdir -p "target/mutants/$crate"
    cargo mutants --package "$crate" --all-features --output "target/mutants/$crate" || missed=$?
done
exit "$missed"
