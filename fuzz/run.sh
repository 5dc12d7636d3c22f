#!/usr/bin/env bash
# Runs every fuzzer, or those named, for some minutes each:
#
#     fuzz/run.sh MINUTES [NAME...]
#
# Needs a nightly toolchain and cargo-fuzz (cargo install --locked cargo-fuzz).
# An input that breaks a promise is left in fuzz/artifacts/NAME; once the fault is
# fixed, move it to fuzz/seeds/NAME, which `cargo test fuzzing` tries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes="${1:?usage: fuzz/run.sh MINUTES [NAME...]}"
shift
if [ "$#" -eq 0 ]; then
    set -- fuzz/seeds/*
fi

failed=0
for target in "$@"; do
    name="$(basename "$target")"
    mkdir -p "fuzz/corpus/$name"
    log="$(mktemp)"
    if cargo +nightly fuzz run "$name" "fuzz/corpus/$name" "fuzz/seeds/$name" -- \
        -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 >"$log" 2>&1; then
        inputs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
        printf '%-18s %12s inputs, no finding\n' "$name" "$inputs"
    else
        failed=1
        printf '%-18s FAILED\n' "$name"
        tail -n 40 "$log"
    fi
    rm -f "$log"
done
exit "$failed"
