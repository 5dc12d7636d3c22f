#!/usr/bin/env bash
# How fast a scrape is, beside nginx sending the same bytes from files that
# were compressed before:
#
#     ./benches/scrape.sh
#
# wrk asks the two in turn, several rounds for each size and coding. Shown are
# medians: requests per second and their ratio, and the processor time one
# request takes. Then the exporter's peak memory.
# ROUNDS, SECONDS_EACH and CONNECTIONS may be set in the environment.
# nginx and wrk are taken from PATH or from Debian's packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need nginx wrk curl

rounds="${ROUNDS:-5}"
seconds="${SECONDS_EACH:-3}"
# More than an exporter ever has.
connections="${CONNECTIONS:-8}"
nginx_at=127.0.0.1:19111
nginx=""

trap 'stop; kill $nginx 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

# As many workers as the exporter's runtime has threads, open files cached,
# no log, connections that stay.
start_nginx() {
    mkdir -p "$folder/temporary" "$folder/pages"
    cat >"$folder/nginx.conf" <<END
daemon off;
worker_processes $(nproc);
pid $folder/nginx.pid;
error_log stderr crit;
events {
    worker_connections 1024;
}
http {
    access_log off;
    sendfile on;
    tcp_nodelay on;
    open_file_cache max=16 inactive=1d;
    open_file_cache_valid 1d;
    keepalive_requests 1000000000;
    keepalive_timeout 1d;
    server_tokens off;
    client_body_temp_path $folder/temporary;
    proxy_temp_path $folder/temporary;
    fastcgi_temp_path $folder/temporary;
    uwsgi_temp_path $folder/temporary;
    scgi_temp_path $folder/temporary;
    default_type "text/plain; version=0.0.4; charset=utf-8";
    types {}
    server {
        listen $nginx_at reuseport;
        root $folder/pages;
        gzip_static on;
    }
}
END
    nginx -p "$folder" -c "$folder/nginx.conf" &
    nginx=$!
    until curl -sf "http://$nginx_at/metrics" -o "$folder/ready"; do
        kill -0 "$nginx" || return 1
        sleep 0.1
    done
}

# cpu PROCESS...: clock ticks they used so far.
cpu() {
    local process
    for process in "$@"; do
        cat "/proc/$process/stat"
    done | awk '{ticks += $14 + $15} END {print ticks}'
}

# measure NAME ADDRESS CODING PROCESS...: one round, whose requests per second
# and microseconds of processor time per request are added to files of that
# name. A failed request ends everything.
measure() {
    local name="$1" address="$2" coding="$3" answer before after
    shift 3
    before="$(cpu "$@")"
    answer="$(wrk -t 1 -c "$connections" -d "${seconds}s" --timeout 1m \
        -H "Accept-Encoding: $coding" "http://$address/metrics")"
    after="$(cpu "$@")"
    if grep -E 'Non-2xx|Socket errors' <<<"$answer" >&2; then
        return 1
    fi
    awk '/^Requests\/sec/ {print $2}' <<<"$answer" >>"$folder/$name.rate"
    awk -v ticks="$((after - before))" -v hertz="$(getconf CLK_TCK)" \
        '/ requests in / {print ticks / hertz / $1 * 1e6}' <<<"$answer" >>"$folder/$name.cost"
}

# row CODING BYTES: what each of the two makes of it, in turn.
row() {
    local coding="$1" bytes="$2" round workers ours theirs our_cost their_cost
    rm -f "$folder"/{exporter,nginx}.{rate,cost}
    read -ra workers <"/proc/$nginx/task/$nginx/children" || true
    for ((round = 0; round < rounds; round++)); do
        measure exporter "$exporter_at" "$coding" "$exporter"
        measure nginx "$nginx_at" "$coding" "${workers[@]}"
    done
    ours="$(median "$folder/exporter.rate")"
    theirs="$(median "$folder/nginx.rate")"
    our_cost="$(median "$folder/exporter.cost")"
    their_cost="$(median "$folder/nginx.cost")"
    awk -v ours="$ours" -v theirs="$theirs" -v our_cost="$our_cost" -v their_cost="$their_cost" \
        "BEGIN {printf \"$format\", $series, \"$coding\", $bytes, ours, theirs, ours / theirs, our_cost, their_cost}"
}

build
format='%7d  %-8s  %8d  %10.0f  %7.0f  %5.2f  %11.1f  %8.1f\n'
echo ' series  coding       bytes  exporter/s  nginx/s  ratio  exporter µs  nginx µs'
for runs in 8 94 951; do
    start "$runs" 1d
    mkdir -p "$folder/pages"
    curl -sf "http://$exporter_at/metrics" -o "$folder/pages/metrics"
    curl -sf -H 'Accept-Encoding: gzip' "http://$exporter_at/metrics" -o "$folder/pages/metrics.gz"
    series="$(grep -vc '^#' "$folder/pages/metrics")"
    start_nginx
    sleep 1
    row gzip "$(stat -c %s "$folder/pages/metrics.gz")"
    row identity "$(stat -c %s "$folder/pages/metrics")"
    kill "$nginx"
    wait "$nginx" || true
    stop
done

# Refreshed every five seconds: the published page and one in the making.
start 951 5s
sleep 20
echo "peak memory at $series series, idle:       $(peak_memory) MiB"
seconds=20
measure load "$exporter_at" gzip "$exporter"
echo "peak memory at $series series, gzip:       $(peak_memory) MiB"
measure load "$exporter_at" identity "$exporter"
echo "peak memory at $series series, identity:   $(peak_memory) MiB"
