#!/usr/bin/env bash
# Whether scrapes go on while others misbehave, and what that costs in memory:
#
#     ./benches/abuse.sh
#
# A page of 100,000 series; hostile clients of each kind in turn, see
# benches/abuse.rs. Loopback only, some three minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need curl
trap 'stop; rm -rf "$folder"' EXIT

build
cargo build --quiet --locked --example abuse
ulimit -n "$(ulimit -H -n)"
start 951 1d
echo "peak memory before: $(peak_memory) MiB"
target/debug/examples/abuse "$exporter_at"
echo "peak memory after:  $(peak_memory) MiB"
kill -0 "$exporter"
