#!/usr/bin/env bash
# Everything that has to hold before a change lands. It installs what a machine with only Rust lacks.
# With --quick, only what most changes break: format, lints, and the tests of the whole.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUST_BACKTRACE="${RUST_BACKTRACE:-0}"
# Nothing is built twice in CI, and nobody debugs there.
if [ "${CI:-}" = true ]; then
    export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
fi

is_quick=""
case "${1:-}" in
    "") ;;
    --quick) is_quick=yes ;;
    *) echo "check: the only option is --quick" >&2; exit 1 ;;
esac

section=""
began=0
times=""

# Names the section that begins, and notes how long the one before it took.
say() {
    if [ -n "$section" ]; then
        times+="$(printf '%5d s  %s' $((SECONDS - began)) "$section")"$'\n'
    fi
    section="$*"
    began="$SECONDS"
    printf '\n== %s\n' "$*"
}

finish() {
    say "all of it holds"
    printf '%s%5d s  in all\n' "$times" "$SECONDS"
    if [ ! -e "${AUTH_VECTORS:-../shared/vectors}" ]; then
        echo "Public test vectors were not checked: ${AUTH_VECTORS:-../shared/vectors} is missing; see CONTRIBUTING.md."
    fi
}

say "tools"
# aws-lc-rs builds with a C compiler alone.
if ! command -v cc >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq gcc libc6-dev
    else
        echo "a C compiler is missing: install gcc, or clang with the name cc" >&2
        exit 1
    fi
fi
# The tests of several nodes start a Redis of their own; without one they say so and pass.
if ! command -v redis-server >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq redis-server
fi
# So do those of Postgres. The package would start a server of its own, which nobody needs.
if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && ! command -v postgres >/dev/null \
    && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -qq && apt-get install -y -qq -o Dpkg::Options::=--force-confold postgresql
fi
# One of them holds 5,000 connections open at a time.
if [ "$(ulimit -Sn)" != unlimited ] && [ "$(ulimit -Sn)" -lt 8192 ]; then
    ulimit -Sn 8192 || true
fi
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
if [ -z "$is_quick" ]; then
    . scripts/tool.sh
    need_tool cargo-deny 0.20.2
fi

say "format"
cargo fmt --all --check
cargo fmt --manifest-path consumer/Cargo.toml --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo fmt --manifest-path bench/Cargo.toml --all --check

say "lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

say "tests of the whole"
cargo test --workspace --all-features --locked

if [ -n "$is_quick" ]; then
    finish
    exit
fi

say "documentation"
# With the examples, the dependencies have the same features as in the lints, and are not built again.
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --lib --examples --locked

say "packages"
dirty="--allow-dirty"
[ "${CI:-}" != true ] || dirty=""
# A build of each package would build all dependencies anew; tests look for what a package lacks.
cargo package --workspace --exclude demo --exclude test-support --no-verify --locked --quiet ${dirty:+"$dirty"}

# A build of the whole merges features, and hides what a crate lacks when it stands alone. The tests have run with the whole; here
# it shows whether the crate builds with its defaults, in the code and in the tests, and each feature without the others.
say "each crate and each feature alone"
# Each of them is a short chain of crates, which keeps one processor busy. So two lists run at once: the second one in a copy of the
# target folder, made of hard links. Without such links the lists run one after the other.
alone() {
    local crate="$1" feature
    shift
    echo "$crate"
    cargo clippy -p "$crate" --all-targets --locked -- -D warnings || exit 1
    for feature in "$@"; do
        echo "$crate with nothing but ${feature:-itself}"
        cargo clippy -p "$crate" --lib --no-default-features --features "$feature" --locked -- -D warnings || exit 1
    done
}
# Crates that build the same dependencies are in one list.
first_list() {
    alone auth-core axum metrics test-util tokio
    alone auth-basic argon2 throttle
    # With all features it is left out.
    cargo test -p auth-basic --test integration --locked compile_fail || exit 1
    alone auth-jwt axum remote dpop es256k jsonwebtoken x509
    alone auth-store "" axum metrics redis redis-tls
    alone auth-store-sql "" sqlite postgres postgres-tls
    alone test-support users server records redis postgres
}
# Of the facade, those that have code of their own.
second_list() {
    alone ws-adapter "" connections metrics
    alone auth-session "" axum password tokens metrics
    alone socketio-adapter metrics
    alone portcullis "" jwt basic store session password tokens throttle tower axum websocket socketio
    alone demo
}
target="${CARGO_TARGET_DIR:-$PWD/target}"
second="$target/second"
rm -rf "$second"
mkdir -p "$second"
if cp -al "$target/debug" "$second/debug" 2>/dev/null; then
    # A lock is the file itself, so each folder needs its own.
    rm -f "$second/debug/.cargo-lock"
    (first_list) &
    lists=("$!")
    (CARGO_TARGET_DIR="$second" second_list) >"$second/log" 2>&1 &
    lists+=("$!")
    failed=""
    for list in "${lists[@]}"; do
        wait "$list" || failed=yes
    done
    cat "$second/log"
    [ -z "$failed" ]
else
    (first_list)
    (second_list)
fi
rm -rf "$second"

say "a stranger's crate"
cargo clippy --manifest-path consumer/Cargo.toml --target-dir target --all-targets --locked -- -D warnings
cargo test --manifest-path consumer/Cargo.toml --target-dir target --locked

say "a browser, the npm clients of Socket.IO and GraphQL, and an OpenID provider"
bash e2e/run.sh

say "the fuzz targets"
# Only compiled, and without what makes them run fast: `scripts/fuzz.sh` runs them. They reach what is not public by the flag.
RUSTFLAGS="--cfg fuzzing" CARGO_PROFILE_DEV_OPT_LEVEL=0 cargo clippy --manifest-path fuzz/Cargo.toml --bins --locked -- -D warnings

say "licences"
cargo deny --all-features check --hide-inclusion-graph licenses bans sources
# Its tests use `ring` beside our crypto backend, on purpose; what it links does not.
cargo deny --manifest-path consumer/Cargo.toml --exclude-dev check --hide-inclusion-graph licenses bans sources

finish
