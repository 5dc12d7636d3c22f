#!/usr/bin/env bash
# What is installed, tested as it is installed, from any directory:
#
#     tests/shipping.sh            everything
#     tests/shipping.sh STEP...    some of: chart cluster packages disk image workflows crate
#     tests/shipping.sh render     renews deploy/kubernetes from the chart
#
# Needs a Rust toolchain and Go, root for `packages`, `disk` and `image`, and Debian's
# packages that a step names when they are missing. A step that cannot run here
# is skipped and says why; the last line counts them. Programs are built under
# target/shipping, once, which takes ten minutes or more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/shipping/tools.sh

passed=0
failed=0
skipped=0

# check TITLE COMMAND...
check() {
    printf '\n== %s\n' "$1"
    shift
    # Not in the condition of an `if`, where errors would not end the function.
    local status
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $*"
    fi
}

# skip TITLE REASON
skip() {
    printf '\n== %s\nskipped: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# missing PROGRAM...: prints the first one that is not there.
missing() {
    local program
    for program in "$@"; do
        if ! command -v "$program" >/dev/null; then
            echo "$program is missing"
            return
        fi
    done
}

# require TITLE PROGRAM...: skips and fails if a program is missing.
require() {
    local reason
    reason="$(missing "${@:2}")"
    [ -z "$reason" ] || { skip "$1" "$reason" && return 1; }
}

# require_root TITLE: skips and fails without root.
require_root() {
    [ "$(id -u)" -eq 0 ] || { skip "$1" "needs root" && return 1; }
}

# wait_until_up ADDRESS PAGE: waits at most 10 seconds for an exporter to have
# refreshed a tenant. Writes its metrics to PAGE and prints the tenant's series.
wait_until_up() {
    for _ in $(seq 100); do
        curl -fsS "http://$1/metrics" >"$2" 2>/dev/null && grep '^amperity_up{.*} 1' "$2" && return
        sleep 0.1
    done
    return 1
}

# start_simulator ADDRESS: a simulated API, the process $simulator, and a $token for it.
start_simulator() {
    mkdir -p "$shipping"
    : >"$shipping/simulator.log"
    cargo build --locked --quiet --bin amperity_exporter
    target/debug/amperity_exporter simulator --web.listen-address="$1" >"$shipping/simulator.log" 2>&1 &
    simulator=$!
    for _ in $(seq 50); do
        token="$(grep -oE 'eyJ[A-Za-z0-9_.-]+' "$shipping/simulator.log" | head -n 1)" && return
        sleep 0.1
    done
    return 1
}

for step in chart cluster packages disk image workflows crate; do
    . "tests/shipping/$step.sh"
done

if [ "${1:-}" = render ]; then
    build_helm
    render >deploy/kubernetes/amperity-exporter.yaml
    exit
fi
[ $# -gt 0 ] || set -- chart cluster packages disk image workflows crate
for step in "$@"; do
    "step_$step"
done

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
