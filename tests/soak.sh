#!/usr/bin/env bash
# The exporter in operation for an hour, or for SECONDS:
#
#     ./tests/soak.sh [SECONDS]
#
# tests/it/feeds/soak.rs says what happens to it. The exporter is built as it is
# released, or is the binary named by EXPORTER. It takes a few percent of a
# processor. The table at the end has, for each process, the mean and the growth
# per hour over the second half of its life. The exit code is 1 if a counter is
# wrong or something grows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -z "${EXPORTER:-}" ]; then
    cargo build --quiet --release --locked --bin amperity_exporter
    EXPORTER=target/release/amperity_exporter
fi
EXPORTER="$(realpath "$EXPORTER")" AMPERITY_SOAK_SECONDS="${1:-3600}" \
    cargo test --quiet --locked --test it -- --nocapture feeds::soak
