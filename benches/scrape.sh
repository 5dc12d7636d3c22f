#!/usr/bin/env bash
# Scrapes per second of /metrics, live self-metrics included, against nginx
# that sends the same bytes as a static file. Both are measured in turn, on
# the same machine, in several rounds; the table shows medians.
#
#     benches/scrape.sh [BINARY]      default: target/release/amperity_exporter
#     SECONDS_EACH=4 ROUNDS=5 SERIES="1000 10000 100000" benches/scrape.sh

set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh
need nginx wrk curl python3

binary="${1:-target/release/amperity_exporter}"
each="${SECONDS_EACH:-4}"
rounds="${ROUNDS:-5}"
upstream=11901 exporter=11902 static=11903
work="$(mktemp -d)"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

stop() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# rate URL HEADER: requests per second.
rate() {
    wrk -t1 -c8 -d"${each}s" -H "$2" "$1" | awk '/Requests\/sec/ { print $2 }'
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

memory() {
    awk -v what="$2" '$1 == what ":" { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

cat >"$work/nginx.conf" <<END
daemon off; pid $work/nginx.pid; error_log $work/error.log;
worker_processes auto;
events { worker_connections 512; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work;
    uwsgi_temp_path $work; scgi_temp_path $work;
    open_file_cache max=10;
    server {
        listen 127.0.0.1:$static;
        default_type "text/plain; version=0.0.4; charset=utf-8";
        location = /gzip { alias $work/page.gz; add_header Content-Encoding gzip; }
        location = /identity { alias $work/page.txt; }
    }
}
END

printf '%-9s %-9s %10s %12s %12s %7s\n' series coding bytes exporter/s nginx/s ratio
for series in ${SERIES:-1000 10000 100000}; do
    python3 benches/upstream.py "$upstream" "$((series / 20))" &
    api=$!
    pids+=("$api")
    cat >"$work/config.yml" <<END
api: {base_url: "http://127.0.0.1:$upstream/api"}
tenants:
  - tenant: socktown
    authorization: {credentials: t}
    discovery: {window: 24h}
    collect: {jobs: true, feeds: false, files: false}
END
    until curl -fso /dev/null "http://127.0.0.1:$upstream/"; do sleep 0.1; done
    "$binary" --config.file="$work/config.yml" --log.level=error \
        --web.listen-address="127.0.0.1:$exporter" &
    server=$!
    pids+=("$server")
    until curl -fso /dev/null "http://127.0.0.1:$exporter/-/ready"; do sleep 0.1; done
    metrics="http://127.0.0.1:$exporter/metrics"
    curl -fsSo "$work/page.txt" "$metrics"
    curl -fsSo "$work/page.gz" -H "Accept-Encoding: gzip" "$metrics"
    gzip -t <"$work/page.gz"
    idle="$(memory "$server" VmRSS)"
    nginx -p "$work" -c "$work/nginx.conf" 2>/dev/null &
    web=$!
    pids+=("$web")
    until curl -fso /dev/null "http://127.0.0.1:$static/gzip"; do sleep 0.1; done
    for coding in gzip identity; do
        : >"$work/ours" && : >"$work/theirs"
        for _ in $(seq "$rounds"); do
            rate "$metrics" "Accept-Encoding: $coding" >>"$work/ours"
            rate "http://127.0.0.1:$static/$coding" "Accept-Encoding: $coding" >>"$work/theirs"
        done
        ours="$(median <"$work/ours")" theirs="$(median <"$work/theirs")"
        file="$work/page.gz"
        [ "$coding" = gzip ] || file="$work/page.txt"
        printf '%-9s %-9s %10s %12s %12s %7s\n' "$(grep -vc '^#' "$work/page.txt")" "$coding" \
            "$(stat -c %s "$file")" "$ours" "$theirs" \
            "$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")"
    done
    echo "          memory: $idle MiB idle, $(memory "$server" VmHWM) MiB at most"
    stop "$web"
    stop "$server"
    stop "$api"
done
