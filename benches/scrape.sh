#!/usr/bin/env bash
# How fast a scrape is, beside nginx sending the same bytes from files that
# were written and compressed before:
#
#     ./benches/scrape.sh
#
# wrk requests pages from the two in turn, several rounds for each size, format
# and content coding. Shown are medians: requests per second and their ratio,
# and the processor time of one request. Then the exporter's peak memory.
# ROUNDS, SECONDS_EACH, CONNECTIONS and EXPORTER, another binary to measure, may
# be set in the environment. By default it takes about seven minutes.
# nginx and wrk are taken from PATH or from Debian's packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need nginx wrk curl

rounds="${ROUNDS:-5}"
seconds="${SECONDS_EACH:-2}"
# More than an exporter usually has.
connections="${CONNECTIONS:-8}"
nginx_at=127.0.0.1:19111
nginx=""
text='text/plain;version=0.0.4'
protobuf='application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
# As Prometheus requests it with --enable-feature=zstd-scrape.
zstd='zstd,gzip'

trap 'stop; kill $nginx 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

# As many workers as the exporter's runtime has threads, open files cached,
# no log, connections that stay. The page of a row is the file page/page.
start_nginx() {
    mkdir -p "$folder/temporary" "$folder/page"
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
    default_type "$1";
    types {}
    server {
        listen $nginx_at reuseport;
        root $folder/page;
        add_header Content-Encoding $2;
    }
}
END
    nginx -p "$folder" -c "$folder/nginx.conf" &
    nginx=$!
    until curl -sf "http://$nginx_at/metrics" -o "$folder/ready"; do
        kill -0 "$nginx" || return 1
        sleep 0.1
    done
    sleep 0.5
}

# measure NAME ADDRESS ACCEPT CODING PROCESS...: one round, whose requests per
# second and microseconds of processor time per request are added to files of
# that name. A failed request ends everything.
measure() {
    local name="$1" address="$2" accept="$3" coding="$4" answer before after
    shift 4
    before="$(cpu "$@")"
    answer="$(wrk -t 1 -c "$connections" -d "${seconds}s" --timeout 1m \
        -H "Accept: $accept" -H "Accept-Encoding: $coding" "http://$address/metrics")"
    after="$(cpu "$@")"
    if grep -E 'Non-2xx|Socket errors' <<<"$answer" >&2; then
        return 1
    fi
    awk '/^Requests\/sec/ {print $2}' <<<"$answer" >>"$folder/$name.rate"
    awk -v before="$before" -v after="$after" \
        '/ requests in / {print (after - before) * 1000 / $1}' <<<"$answer" >>"$folder/$name.cost"
}

# row FORMAT CODING ACCEPT ACCEPT-ENCODING: a page in this format and coding, of
# the two in turn.
row() {
    local name="$1" coding="$2" accept="$3" accept_encoding="$4" headers bytes round workers
    mkdir -p "$folder/page"
    headers="$folder/headers"
    curl -sf -H "Accept: $accept" -H "Accept-Encoding: $accept_encoding" -D "$headers" \
        "http://$exporter_at/metrics" -o "$folder/page/metrics"
    if [ "$(header content-encoding "$headers")" != "${coding/identity/}" ]; then
        echo "not $coding:" >&2
        cat "$headers" >&2
        return 1
    fi
    bytes="$(stat -c %s "$folder/page/metrics")"
    start_nginx "$(header content-type "$headers")" "${coding/identity/\"\"}"
    rm -f "$folder"/{exporter,nginx}.{rate,cost}
    read -ra workers <"/proc/$nginx/task/$nginx/children" || true
    for ((round = 0; round < rounds; round++)); do
        measure exporter "$exporter_at" "$accept" "$accept_encoding" "$exporter"
        measure nginx "$nginx_at" "$accept" "$accept_encoding" "${workers[@]}"
    done
    kill "$nginx"
    wait "$nginx" || true
    awk -v ours="$(median "$folder/exporter.rate")" -v theirs="$(median "$folder/nginx.rate")" \
        -v our_cost="$(median "$folder/exporter.cost")" \
        -v their_cost="$(median "$folder/nginx.cost")" \
        "BEGIN {printf \"$format\", $series, \"$name\", \"$coding\", $bytes, ours, theirs, ours / theirs, our_cost, their_cost}"
}

# header NAME FILE: the value of a response header.
header() {
    tr -d '\r' <"$2" | awk -F ': ' -v name="$1" 'tolower($1) == name {print $2}'
}

build
format='%7d  %-8s  %-8s  %8d  %10.0f  %7.0f  %5.2f  %11.1f  %8.1f\n'
echo ' series  format    coding       bytes  exporter/s  nginx/s  ratio  exporter µs  nginx µs'
for runs in 8 94 951; do
    start "$runs" 1d
    series="$(curl -sf "http://$exporter_at/metrics" | grep -vc '^#')"
    row text identity "$text" identity
    row text gzip "$text" gzip
    row text zstd "$text" "$zstd"
    row protobuf identity "$protobuf" identity
    row protobuf gzip "$protobuf" gzip
    row protobuf zstd "$protobuf" "$zstd"
    stop
done

# Refreshed every five seconds: the published page and one in the making.
start 951 5s
sleep 12
echo "peak memory at $series series, idle:            $(peak_memory) MiB"
seconds=10
measure load "$exporter_at" "$text" gzip "$exporter"
echo "peak memory at $series series, text, gzip:      $(peak_memory) MiB"
measure load "$exporter_at" "$text" identity "$exporter"
echo "peak memory at $series series, text, identity:  $(peak_memory) MiB"
