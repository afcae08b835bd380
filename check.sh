#!/usr/bin/env bash
# Everything that has to hold before a change lands: formatting, lints, all tests with the corpora, documentation.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v cargo >/dev/null; then
    echo "matgrad is built with Rust 1.95 or later: install it from https://rustup.rs, then run this again" >&2
    exit 1
fi

step() { printf '\n== %s\n' "$*"; "$@"; }
export RUSTFLAGS="${RUSTFLAGS:-} -D warnings"
export RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings"

# packages of Debian, where this may install them
debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    printf '\n== apt-get install %s\n' "$*"
    apt-get update -qq && apt-get install -y -qq "$@" >/dev/null || true
}

# what programs for MATLAB are tried with
command -v octave-cli >/dev/null || debian --no-install-recommends octave
command -v octave-cli >/dev/null || echo "no octave here: programs for MATLAB are written, not run" >&2

# an interpreter with the libraries that programs for Python are tried with
if [ -z "${MATGRAD_PYTHON:-}" ] && command -v python3 >/dev/null; then
    printf '\n== python3 -m venv target/python; pip install -r tests/code/requirements.txt torch\n'
    if python3 -m venv target/python && target/python/bin/pip install --quiet -r tests/code/requirements.txt; then
        export MATGRAD_PYTHON="$PWD/target/python/bin/python"
        # large, and not for every machine
        target/python/bin/pip install --quiet torch ||
            echo "no PyTorch here: programs for it are written, not run" >&2
    else
        echo "no libraries for Python here: programs for it are written, not run" >&2
    fi
fi

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
step cargo test --workspace --locked
step cargo test -p matgrad --locked --features argmin,faer,nalgebra,ndarray --test adapters

# the Python package, built with what the tests have built already
if [ -x target/python/bin/python ]; then
    printf '\n== pip install ./crates/matgrad-python; pytest crates/matgrad-python/tests\n'
    if target/python/bin/pip install --quiet -r crates/matgrad-python/tests/requirements.txt; then
        PATH="$PWD/target/python/bin:$PATH" MATURIN_PEP517_ARGS="--profile dev" target/python/bin/pip install --quiet \
            --no-build-isolation --no-deps --force-reinstall ./crates/matgrad-python
        target/python/bin/python -m pytest -q -p no:cacheprovider crates/matgrad-python/tests
        step target/python/bin/python -m doctest docs/python.md
    else
        echo "no libraries for Python here: the tests of the Python package are skipped" >&2
    fi
else
    echo "no Python here: the tests of the Python package are skipped" >&2
fi

step cargo doc --workspace --lib --no-deps --locked --quiet

# the page in a browser
browser() {
    local path
    for path in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
        if [ -n "$path" ] && [ -x "$path" ]; then return 0; fi
    done
    return 1
}
browser || debian chromium
if browser && command -v npm >/dev/null && (cd e2e && npm ci --no-audit --no-fund --silent); then
    binary="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/matgrad"
    printf '\n== node e2e/page.mjs\n'
    (cd e2e && node page.mjs "$binary" ../tests/corpus)
else
    echo "NO BROWSER TEST: it needs node, npm and chromium; the page is not tried" >&2
fi
echo
echo "all checks passed"
