#!/usr/bin/env bash
# A short backtest, about two minutes: docs/BACKTEST.md explains it.
#
#     ./tests/backtest.sh
#
# Scores the shipped rules, and the expectations they compare with, on a small
# generated world. Fails if an incident is not detected in time, if more alerts are
# false, or if more messages are sent while many feeds fail, than the limits below
# allow. The long backtest has the real figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh
need promtool

cargo build --quiet --locked -p backtest
target/debug/backtest rules --seed 1 --days 2 --step 5 \
    --least-detected 1 --most-false-critical 1 --most-false-warnings 3 --most-messages 5
