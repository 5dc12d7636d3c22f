#!/usr/bin/env bash
# The tests of rules, dashboards and formats against Prometheus 3, from any
# directory:
#
#     ./tests/peers.sh
#
# tests/run.sh uses Debian's Prometheus 2. This script builds Prometheus 3 from
# its Go module under target/peers (once, a few minutes) and runs the same tests
# of rules and dashboards with it, and those of each value of scrape_protocols, of
# native histograms and of start timestamps. Needs Go and what tests/run.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

module=github.com/prometheus/prometheus
version=v0.316.0 # Prometheus 3.16
peers="$PWD/target/peers/$version"

if ! command -v go >/dev/null; then
    PATH="$PATH:/usr/local/go/bin"
fi
if ! command -v go >/dev/null; then
    echo "go is missing: install Go from https://go.dev/dl/ or your distribution" >&2
    exit 1
fi
# Service discovery for clouds and the web UI are not needed: leaving them out
# makes the build several times shorter.
for program in promtool prometheus; do
    if [ ! -x "$peers/$program" ]; then
        echo "building $program $version under target/peers" >&2
        GOBIN="$peers" GOFLAGS=-buildvcs=false nice go install \
            -tags netgo,remove_all_sd "$module/cmd/$program@$version"
    fi
done

need alertmanager amtool
PATH="$peers:$PATH"
export PATH
promtool --version | head -n 1
INSTA_UPDATE=no cargo test --locked --test it -- deploy::
cargo test --locked --test it -- --ignored peers::formats::prometheus_3
