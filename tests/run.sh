#!/usr/bin/env bash
# The whole test suite, from any directory:
#
#     ./tests/run.sh
#
# Needs a Rust toolchain with rustfmt and clippy, a C compiler, git and curl, and
# Prometheus and Alertmanager from PATH or from Debian's packages (see
# tests/tools.sh). Skips nothing; ends with `N passed, N failed` and with
# exit code 1 if anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

passed=0
failed=0
# A snapshot that differs is a failure, not a suggestion.
export INSTA_UPDATE=no
# Many tests wait for real time: more of them than there are processors.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$(($(nproc) * 2 + 2))}"

say() {
    printf '\n== %s\n' "$*"
}

# check TITLE COMMAND...: one test that is not cargo's.
check() {
    say "$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $*"
    fi
}

# The suite: unit, integration and documentation tests, by cargo's own count.
run_cargo_tests() {
    local log status=0 result good bad
    log="$(mktemp)"
    say "tests"
    cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || status=$?
    bad=0
    while read -r result; do
        good="${result#*. }"
        passed=$((passed + ${good%% passed*}))
        result="${result#*; }"
        bad=$((bad + ${result%% failed*}))
    done < <(grep '^test result:' "$log" || true)
    rm -f "$log"
    # What did not even compile, or died, counts as one.
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    failed=$((failed + bad))
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --locked --no-deps --quiet
}

for program in cargo cc git curl; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is missing: install a Rust toolchain, a C compiler, git and curl" >&2
        exit 1
    fi
done
for component in fmt clippy; do
    if ! cargo "$component" --version >/dev/null 2>&1; then
        echo "cargo $component is missing: rustup component add rustfmt clippy" >&2
        exit 1
    fi
done
say "programs to test against"
need promtool prometheus alertmanager amtool
command -v promtool prometheus alertmanager amtool

check "format" cargo fmt --all --check
check "lints" cargo clippy --workspace --locked --all-targets --quiet -- -D warnings
check "documentation" documentation
run_cargo_tests
check "backtest" ./tests/backtest.sh

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
