#!/usr/bin/env bash
# The tests of rules, dashboards and formats against Prometheus 3 and other
# scrapers, from any directory:
#
#     ./tests/peers.sh [FILTER]
#
# tests/run.sh uses Debian's Prometheus 2. This script builds Prometheus 3, vmagent
# and an OpenTelemetry Collector from their Go modules under target/peers (once,
# half an hour on one processor). It runs the tests of rules and dashboards with
# Prometheus 3; those of each value of scrape_protocols, of native histograms and of
# start timestamps; and what vmagent and the Collector store. FILTER selects tests.
# Needs Go and what tests/run.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

prometheus=v0.316.0 # 3.16
vmagent=v1.154.1
contrib=v0.165.0
collector=v0.165.0
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

# Builds tests/collector, unless it is there.
install_collector() {
    local folder="$peers/collector-$collector" module=go.opentelemetry.io/collector
    local components=github.com/open-telemetry/opentelemetry-collector-contrib
    if [ ! -x "$folder/collector" ]; then
        echo "building the OpenTelemetry Collector under target/peers" >&2
        mkdir -p "$folder"
        cp tests/collector/main.go "$folder/main.go"
        (
            cd "$folder"
            rm -f go.mod go.sum
            go mod init collector
            nice go get "$module/otelcol@$collector" \
                "$components/receiver/prometheusreceiver@$contrib" \
                "$components/exporter/prometheusremotewriteexporter@$contrib"
            nice go mod tidy
            nice go build -o collector .
        )
    fi
}

for program in promtool prometheus; do
    install "$prometheus" "$program" "github.com/prometheus/prometheus/cmd/$program@$prometheus"
done
install "vmagent-$vmagent" vmagent "github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent@$vmagent"
install_collector

need alertmanager amtool
PATH="$peers/$prometheus:$peers/vmagent-$vmagent:$peers/collector-$collector:$PATH"
export PATH
promtool --version | head -n 1
INSTA_UPDATE=no cargo test --locked --test it -- "${1:-deploy::}"
cargo test --locked --test it -- --ignored "${1:-peers::}"
