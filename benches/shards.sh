#!/usr/bin/env bash
# Four exporters that share the tenants by /sd and Prometheus, as docs/SCALING.md
# describes it:
#
#     ./benches/shards.sh
#
# TENANTS (1000) with five feeds of RUNS (5) runs each. Prometheus scrapes each
# tenant every minute, and the exporter refreshes it for that. A minute after all were
# scraped, the processor time of SECONDS_EACH (120) is measured, then memory. Takes
# about seven minutes. Prometheus is taken from PATH or from Debian's
# packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need prometheus curl

tenants="${TENANTS:-1000}"
runs="${RUNS:-5}"
seconds="${SECONDS_EACH:-120}"
ports=(19120 19121 19122 19123)
prometheus_at=127.0.0.1:19112
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

query() {
    curl -s "http://$prometheus_at/api/v1/query" --data-urlencode "query=$1" |
        sed -nE 's/.*"value":\[[^,]*,"([^"]*)"\].*/\1/p'
}

# until_true NAME COMMAND...: until it succeeds, for ten minutes at most.
until_true() {
    local name="$1" deadline="$((SECONDS + 600))"
    shift
    until "$@"; do
        if [ "$SECONDS" -gt "$deadline" ]; then
            echo "$name: not within ten minutes" >&2
            return 1
        fi
        sleep 1
    done
}
is_ready() {
    curl -sf "http://127.0.0.1:$1/-/ready" -o "$folder/ready"
}
all_are_scraped() {
    [ "$(query 'count(up == 1)')" = "$tenants" ]
}

build
target/debug/examples/upstream "$upstream_at" "$runs" "$tenants" &
processes+=($!)
# What an exporter is not scraped for leaves its memory after stale_after.
configure 'mode: scrape, max_age: 30s, stale_after: 2m' "$tenants"
exporters=()
for port in "${ports[@]}"; do
    "$exporter_binary" --config.file="$folder/exporter.yml" \
        --web.listen-address="127.0.0.1:$port" --log.level=warn &
    exporters+=($!)
    processes+=($!)
done
for port in "${ports[@]}"; do
    until_true "exporter $port is ready" is_ready "$port"
done

cat >"$folder/prometheus.yml" <<END
global: {scrape_interval: 1m, scrape_timeout: 45s}
scrape_configs:
  - job_name: amperity
    http_sd_configs:
      - {url: http://127.0.0.1:${ports[0]}/sd, refresh_interval: 1m}
    relabel_configs:
      - {source_labels: [__meta_amperity_tenant], modulus: ${#ports[@]}, target_label: __tmp_exporter, action: hashmod}
      - {source_labels: [__tmp_exporter], target_label: __address__, replacement: 127.0.0.1:1912\$1}
END
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address="$prometheus_at" --log.level=error &
processes+=($!)
until_true 'all tenants are scraped' all_are_scraped
sleep 60
before="$(cpu "${exporters[@]}")"
sleep "$seconds"
used="$(awk -v before="$before" -v after="$(cpu "${exporters[@]}")" 'BEGIN {print after - before}')"
memory="$(for exporter in "${exporters[@]}"; do
    awk '/^VmRSS/ {printf "%.1f ", $2 / 1024}' "/proc/$exporter/status"
done)"

printf '%d tenants, %d exporters, %s series in a scrape of all\n' "$tenants" "${#ports[@]}" \
    "$(query 'sum(scrape_samples_scraped)')"
printf 'tenants scraped successfully        %s\n' "$(query 'count(up == 1)')"
printf 'duration of a scrape, mean and longest  %.3f s, %.3f s\n' \
    "$(query 'avg(scrape_duration_seconds)')" "$(query 'max(scrape_duration_seconds)')"
printf 'memory of the exporters             %s MiB\n' "$memory"
awk -v tenants="$tenants" -v memory="$memory" -v used="$used" -v seconds="$seconds" 'BEGIN {
    count = split(memory, each, " ")
    for (number = 1; number <= count; number++) sum += each[number]
    printf "memory per tenant                   %.0f KiB\n", sum * 1024 / tenants
    printf "processor time per tenant and scrape %.2f ms\n", used / tenants / (seconds / 60)
    printf "processors in use by all exporters  %.3f\n", used / 1000 / seconds
}'
