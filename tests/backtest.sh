#!/usr/bin/env bash
# A short backtest, about two minutes: docs/BACKTEST.md explains it.
#
#     ./tests/backtest.sh
#
# Scores the shipped rules on a small generated world, and at the same time the
# expectations they compare with on one of two weeks, in which feeds are new. Fails if
# fewer incidents are detected in time, if more alerts are false, or if more messages
# are sent while many feeds fail, than the limits below allow. The long backtest has
# the real figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh
need promtool

cargo build --quiet --locked -p backtest
report=$(mktemp)
target/debug/backtest expectations --seed 126 --days 14 \
    --least-detected 0.95 --most-false-critical 0 --most-false-warnings 3 >"$report" &
trap 'kill "$!" 2>/dev/null || true; rm -f "$report"' EXIT
target/debug/backtest rules --seed 1 --days 2 --step 5 \
    --least-detected 1 --most-false-critical 0 --most-false-warnings 1 --most-messages 4
wait "$!" || { cat "$report"; exit 1; }
cat "$report"
