#!/usr/bin/env bash
# The tests of rules, dashboards and formats against Prometheus 3 and other
# scrapers, from any directory:
#
#     ./tests/peers.sh [FILTER]
#
# tests/run.sh uses Debian's Prometheus 2. This script builds Prometheus 3, vmagent
# and the OpenTelemetry Collector's Prometheus receiver from their Go modules under
# target/peers (once, about half an hour on two processors). It runs the tests of
# rules and dashboards with Prometheus 3; those of each value of scrape_protocols, of
# native histograms and of start timestamps; and compares what vmagent, the Collector
# and Python's prometheus_client read. FILTER selects tests. Needs Go, python3 and what
# tests/run.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

prometheus=v0.316.0 # Prometheus 3.16
vmagent=v1.150.0 # newer ones need Go 1.27
receiver=v0.165.1
components=github.com/open-telemetry/opentelemetry-collector-contrib
peers="$PWD/target/peers"

if ! command -v go >/dev/null; then
    PATH="$PATH:/usr/local/go/bin"
fi
if ! command -v go >/dev/null; then
    echo "go is missing: install Go from https://go.dev/dl/ or your distribution" >&2
    exit 1
fi
# Service discovery for clouds and the web UI are not needed: leaving them out
# makes the builds several times shorter.
export GOFLAGS="-buildvcs=false -tags=netgo,remove_all_sd"

# install FOLDER PROGRAM PACKAGE: builds a program of a module, unless it is there.
install() {
    if [ ! -x "$peers/$1/$2" ]; then
        echo "building $2 under target/peers" >&2
        GOBIN="$peers/$1" nice go install "$3"
    fi
}

# Builds tests/collector, unless it is there or older.
install_collector() {
    local folder="$peers/collector-$receiver"
    if [ ! "$folder/collector" -nt tests/collector/main.go ]; then
        echo "building the OpenTelemetry Collector's receiver under target/peers" >&2
        mkdir -p "$folder"
        cp tests/collector/main.go "$folder"
        (
            cd "$folder"
            rm -f go.mod go.sum
            go mod init collector
            nice go get "$components/receiver/prometheusreceiver@$receiver"
            nice go build -mod=mod -o collector .
        )
    fi
}

for program in promtool prometheus; do
    install "$prometheus" "$program" "github.com/prometheus/prometheus/cmd/$program@$prometheus"
done
install "vmagent-$vmagent" vmagent "github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent@$vmagent"
install_collector

need alertmanager amtool
need_python prometheus_client
PATH="$peers/$prometheus:$peers/vmagent-$vmagent:$peers/collector-$receiver:$PATH"
export PATH
promtool --version | head -n 1
INSTA_UPDATE=no cargo test --locked --test it -- "${1:-deploy::}"
cargo test --locked --test it -- --ignored "${1:-peers::}"
