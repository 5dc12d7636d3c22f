#!/usr/bin/env bash
# A short backtest, about two minutes: docs/BACKTEST.md explains it.
#
#     ./tests/backtest.sh
#
# Expectations and the shipped rules are scored on small generated worlds, and
# this fails if fewer incidents are detected in time, more alerts are false, or
# more messages are sent while many feeds fail than there is reason for. The
# limits leave room for other seeds; the long backtest has the real figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh
need promtool

cargo build --quiet --locked -p backtest
target/debug/backtest expectations --seed 1 --days 10 \
    --least-detected 0.9 --most-false-critical 1 --most-false-warnings 2
target/debug/backtest rules --seed 1 --days 2 --step 5 \
    --least-detected 1 --most-false-critical 1 --most-false-warnings 3 --most-messages 5
