#!/usr/bin/env bash
# Runs all benchmarks and writes docs/benchmarks.md with its plots: in about 12 minutes on two cores, plus the first build.
#
#   bash scripts/bench.sh [--quick] [--only PARTS] [--built] [--report]
#
# --quick      in about 6 minutes: fewer rounds, and shorter loads of WebSocket
# --only       some of: micro, service, session, callgrind, size, http, http-info, websocket (separated by commas); the page is then
#              written to $CARGO_TARGET_DIR/benchmarks, and not to docs
# --built      runs the programs of the last build
# --report     runs nothing, and writes the page from the results of the last run
#
# Leave the machine alone while it runs.
set -euo pipefail
cd "$(dirname "$0")/.."

all="micro,service,session,callgrind,size,http,http-info,websocket"
parts="$all"
quick=""
built=""
report=""
while [ $# -gt 0 ]; do
    case "$1" in
        --quick) quick=yes ;;
        --only) parts="${2:?--only needs parts}"; shift ;;
        --built) built=yes ;;
        --report) report=yes ;;
        *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 1 ;;
    esac
    shift
done
for part in ${parts//,/ }; do
    case ",$all," in
        *",$part,"*) ;;
        *) echo "bench: unknown part $part; the parts are $all" >&2; exit 1 ;;
    esac
done

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/bench/target}"
export BENCH_RESULTS="${BENCH_RESULTS:-$CARGO_TARGET_DIR/results.jsonl}"
programs="$CARGO_TARGET_DIR/release"

wanted() {
    case ",$parts," in *",$1,"*) return 0 ;; *) return 1 ;; esac
}

say() {
    printf '\n== %s (after %d s)\n' "$*" "$SECONDS"
}

build() {
    cargo build --release --quiet --locked --manifest-path bench/Cargo.toml -p "$1"
}

# One package at a time, so that the features of one don't reach another.
build_all() {
    for part in micro service session size websocket; do
        if wanted "$part"; then build "$part"; fi
    done
    if wanted callgrind; then build service; fi
    if wanted http || wanted http-info; then
        build load
        for server in bench/http/*/; do
            server="$(basename "$server")"
            [ "$server" = common ] || build "http-$server" || echo "bench: $server does not build, and is left out" >&2
        done
    fi
}

# The program, and the Debian package that has it.
need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq "$2"
    else
        echo "bench: $1 is missing: install the package $2" >&2
        exit 1
    fi
}

if [ -z "$report" ]; then
    if [ "$(nproc)" -lt 2 ]; then
        echo "bench: needs two processors, one for the servers and one for the load" >&2
        exit 1
    fi
    say "tools"
    need taskset util-linux
    if wanted callgrind; then need valgrind valgrind; fi
    # 64 connections to each of 30 servers.
    if { wanted http || wanted http-info; } && [ "$(ulimit -Sn)" != unlimited ] && [ "$(ulimit -Sn)" -lt 4096 ]; then
        ulimit -Sn 4096 || { echo "bench: the part http needs ulimit -n 4096" >&2; exit 1; }
    fi
    # 10,000 sockets in each of two processes.
    if wanted websocket && [ "$(ulimit -Sn)" != unlimited ] && [ "$(ulimit -Sn)" -lt 10200 ]; then
        ulimit -Sn 10200 || { echo "bench: the part websocket needs ulimit -n 10200" >&2; exit 1; }
    fi

    if [ -z "$built" ]; then
        say "build"
        cargo test --quiet --locked --manifest-path bench/Cargo.toml -p floors -p report -p load
        build_all
    fi
    SECONDS=0

    # The first in full, the second with --quick.
    pick() {
        if [ -n "$quick" ]; then echo "$2"; else echo "$1"; fi
    }
    build report
    mode="$(pick full quick): $(pick 201 51) rounds in process ($(pick 45 15) of the sizes)"
    mode="$mode, $(pick 61 15) over HTTP ($(pick 31 9) at INFO)"
    mode="$mode, $(pick 7 2) of WebSocket ($(pick 3 2) of its memory)"
    "$programs/report" begin "$BENCH_RESULTS" "$mode" "${parts//,/, }"
    if wanted micro; then
        say "the chain without a server"
        ROUNDS="$(pick 201 51)" taskset -c 1 "$programs/micro"
        say "the same with a subscriber at INFO"
        ROUNDS="$(pick 201 51)" LOG=info taskset -c 1 "$programs/micro"
    fi
    if wanted service; then
        say "in process, behind axum"
        ROUNDS="$(pick 201 51)" taskset -c 1 "$programs/service"
        say "the same with a subscriber at INFO"
        ROUNDS="$(pick 201 51)" LOG=info taskset -c 1 "$programs/service"
    fi
    if wanted session; then
        say "a route behind a login, in memory"
        ROUNDS="$(pick 201 51)" taskset -c 1 "$programs/session"
    fi
    if wanted size; then
        say "cost against size"
        ROUNDS="$(pick 45 15)" taskset -c 1 "$programs/size"
    fi
    if wanted callgrind; then
        say "instructions"
        bash bench/callgrind.sh
    fi
    if wanted http; then
        say "HTTP over loopback"
        ROUNDS="$(pick 61 15)" taskset -c 1 "$programs/load"
    fi
    if wanted http-info; then
        say "the same with a subscriber at INFO"
        ROUNDS="$(pick 31 9)" LOG=info taskset -c 1 "$programs/load"
    fi
    if wanted websocket; then
        say "WebSocket"
        ROUNDS="$(pick 7 2)" LOAD_SECONDS="$(pick 2 1)" IDLE="$(pick 10 3)" taskset -c 1 "$programs/websocket"
    fi
fi

# A page of some parts must not take the place of the whole one.
pages=docs
if ! head -n 1 "$BENCH_RESULTS" | grep -qF "\"${all//,/, }\""; then pages="$CARGO_TARGET_DIR/benchmarks"; fi
say "$pages/benchmarks.md"
build report
"$programs/report" "$BENCH_RESULTS" "$pages" bench/report/notes.md
say "done"
