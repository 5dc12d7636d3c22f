#!/usr/bin/env bash
# How much memory many tenants take, beside the size of the page they make:
#
#     ./benches/tenants.sh [TENANTS]...
#
# By default 1, 25, 50 and 200 tenants of 3,300 series each, refreshed every
# five seconds and not scraped. The resident memory is shown after a
# third of the time and at its end: it should not grow, and should be within
# three times the page and 20 MiB. Processor time is that of one refresh of one
# tenant.
# SECONDS_EACH and EXPORTER, another binary to measure, may be set in the
# environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need curl
trap 'stop; rm -rf "$folder"' EXIT

seconds="${SECONDS_EACH:-90}"

build
echo 'tenants   series  page MiB  memory MiB, later  limit MiB  peak MiB  threads  KiB/tenant  ms/refresh'
for tenants in "${@:-1 25 50 200}"; do
    for number in $tenants; do
        start 30 5s "$number"
        sleep "$((seconds / 3))"
        early="$(status VmRSS)"
        used="$(cpu "$exporter")"
        sleep "$((seconds * 2 / 3))"
        late="$(status VmRSS)"
        used="$(awk -v before="$used" -v after="$(cpu "$exporter")" 'BEGIN {print after - before}')"
        peak="$(status VmHWM)"
        threads="$(status Threads)"
        curl -sf "http://$exporter_at/metrics" -o "$folder/page"
        series="$(grep -vc '^#' "$folder/page")"
        awk -v tenants="$number" -v series="$series" -v page="$(stat -c %s "$folder/page")" \
            -v early="$early" -v late="$late" -v peak="$peak" -v threads="$threads" \
            -v used="$used" -v refreshes="$((seconds * 2 / 3 / 5))" \
            'BEGIN {
                mib = 1048576; page /= mib
                printf "%7d %8d %9.1f %11.1f %6.1f %10.1f %9.1f %8d %11.0f %11.2f\n", tenants,
                    series, page, early / 1024, late / 1024, 3 * page + 20, peak / 1024,
                    threads, late / tenants, used / tenants / refreshes
            }'
        stop
    done
done
