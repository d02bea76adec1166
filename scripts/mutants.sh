#!/usr/bin/env bash
# Changes the code in one small way at a time and looks whether a test notices: scripts/mutants.sh [crate…]. All four crates
# that judge credentials, if nothing is said; that takes most of a day. Installs what is missing. What was missed stands in
# target/mutants/CRATE/mutants.out/missed.txt; what is not tried, and why, in .cargo/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

crates=("$@")
[ "${#crates[@]}" -gt 0 ] || crates=(auth-core auth-jwt auth-basic ws-adapter)

command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
# Each build stands in a copy of the project, from which the vectors are not where they are from here.
[ ! -d ../shared/vectors ] || export AUTH_VECTORS="${AUTH_VECTORS:-$PWD/../shared/vectors}"

missed=0
for crate in "${crates[@]}"; do
    printf '\n== %s\n' "$crate"
    mkdir -p "target/mutants/$crate"
    cargo mutants --package "$crate" --all-features --output "target/mutants/$crate" || missed=$?
done
exit "$missed"
