#!/usr/bin/env bash
# How much memory one tenant with a large page takes, before and after scrapes
# of each format:
#
#     ./benches/large.sh [FEEDS]
#
# By default 50 feeds with 951 runs each, which are 1,000,000 series, refreshed
# every ten seconds. In each row the page is scraped in one more form for two
# refreshes: a form that was scraped in the last ten minutes is kept up to date.
# The first form is what most users have. With all compressed forms, the resident
# memory should stay within three times the page as text.
# EXPORTER, another binary to measure, may be set in the environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need curl
trap 'stop; rm -rf "$folder"' EXIT

text='text/plain;version=0.0.4'
openmetrics='application/openmetrics-text;version=1.0.0'
openmetrics2='application/openmetrics-text;version=2.0.0'
protobuf='application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

# row NAME NOW PEAK: two sizes in KiB, beside the size of the page.
row() {
    awk -v name="$1" -v now="$2" -v peak="$3" -v page="$page" \
        'BEGIN {
            kib = page / 1024
            printf "%-24s %10.1f %8.2f %10.1f %8.2f\n", name, now / 1024, now / kib,
                peak / 1024, peak / kib
        }'
}

# scrape NAME ACCEPT CODING: a row after three scrapes.
scrape() {
    for _ in 1 2 3; do
        curl -sf -H "Accept: $2" -H "Accept-Encoding: $3" \
            "http://$exporter_at/metrics" -o "$folder/page"
        sleep 10
    done
    row "$1" "$(status VmRSS)" "$(status VmHWM)"
}

build
start 951 10s 1 "${1:-50}"
sleep 20
unscraped=("$(status VmRSS)" "$(status VmHWM)")
# Compressed: a form that is scraped here is kept in memory as well.
curl -sf -H 'Accept-Encoding: gzip' "http://$exporter_at/metrics" | gunzip >"$folder/page"
page="$(stat -c %s "$folder/page")"
awk -v series="$(grep -vc '^#' "$folder/page")" -v page="$page" \
    'BEGIN {printf "%d series, %.1f MiB as text\n", series, page / 1048576}'
echo 'scraped                  memory MiB   × page   peak MiB   × page'
row nothing "${unscraped[@]}"
scrape 'text, gzip' "$text" gzip
scrape 'and OpenMetrics 1.0' "$openmetrics" gzip
scrape 'and OpenMetrics 2.0' "$openmetrics2" gzip
scrape 'and protobuf' "$protobuf" gzip
scrape 'and with zstd' "$protobuf" zstd
scrape 'and text, uncompressed' "$text" identity
scrape 'and protobuf' "$protobuf" identity
