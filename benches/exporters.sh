#!/usr/bin/env bash
# The exporter beside others: the size of the program, the time from its start to
# its first page, its memory, and what a scrape of 50 jobs costs it and the API:
#
#     ./benches/exporters.sh
#
# json_exporter requests the same 50 jobs from the same simulated API, by one probe
# for each, as it must; its first page is that of one job. Both get new data for each
# scrape, the exporter of workflows as well. node_exporter serves its
# own page. All of them are built without debug information. Takes two minutes.
# node_exporter is taken from PATH or from Debian's packages, json_exporter from PATH
# or built by Go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need curl prometheus-node-exporter

scrapes="${SCRAPES:-5}"
starts="${STARTS:-9}"
json_module=github.com/prometheus-community/json_exporter
json_version=v0.7.0
json_at=127.0.0.1:19113
node_at=127.0.0.1:19114
other=""
trap 'stop; kill $other 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

# Sets json_exporter.
build_json_exporter() {
    json_exporter="$(command -v json_exporter || true)"
    if [ -n "$json_exporter" ]; then
        return
    fi
    json_exporter="$PWD/target/go/json_exporter"
    if [ ! -x "$json_exporter" ]; then
        PATH="$PATH:/usr/local/go/bin"
        command -v go >/dev/null || {
            echo "json_exporter is missing: put it on PATH, or Go to build it" >&2
            exit 1
        }
        # The proxy may have this version without a list of all, which `go install`
        # would need.
        (
            cd "$folder"
            go mod init json_exporter
            go mod edit -require "$json_module@$json_version"
            GOFLAGS='-mod=mod -buildvcs=false' GOMAXPROCS=1 \
                nice go build -ldflags='-s -w' -o "$json_exporter" "$json_module"
        )
    fi
}

configure_json_exporter() {
    cat >"$folder/json.yml" <<'END'
modules:
  default:
    headers:
      amperity-tenant: tenant-0
      api-version: "2024-04-01"
    http_client_config:
      authorization: {credentials: token-of-tenant-0}
    metrics:
      - name: amperity_ingest
        type: object
        path: '{ .tables[*] }'
        labels:
          table: '{ .table_name }'
          feed: '{ .feed_id }'
          state: '{ .state }'
        values:
          read_rows: '{ .read }'
          inserted_rows: '{ .inserted }'
          updated_rows: '{ .updated }'
          rejected_rows: '{ .rejected }'
          error_rows: '{ .errors }'
END
}

# first_page ADDRESS PATH WORDS: returns when a page with these words is there.
first_page() {
    local answer
    while :; do
        if { exec 3<>"/dev/tcp/${1/:/\/}"; } 2>/dev/null; then
            printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
            answer="$(cat <&3)" || true
            exec 3>&-
            if [[ "$answer" == *"$3"* ]]; then
                return
            fi
        fi
        # Leaves the processor to the exporter.
        sleep 0.002
    done
}

# start_times ADDRESS PATH WORDS COMMAND...: the median time to the first page, in
# milliseconds, and the memory 2 seconds later, in MiB.
start_times() {
    local address="$1" path="$2" words="$3" begin round
    shift 3
    rm -f "$folder/times"
    for ((round = 0; round < starts; round++)); do
        begin="${EPOCHREALTIME/./}"
        "$@" 2>"$folder/log" &
        other=$!
        first_page "$address" "$path" "$words"
        echo "$((${EPOCHREALTIME/./} - begin))" >>"$folder/times"
        if [ "$round" -eq "$((starts - 1))" ]; then
            sleep 2
            memory="$(awk '/^VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$other/status")"
        fi
        kill "$other"
        wait "$other" 2>/dev/null || true
    done
    time="$(median "$folder/times" | awk '{printf "%.1f", $1 / 1000}')"
}

# row NAME BINARY
row() {
    awk -v name="$1" -v bytes="$(stat -Lc %s "$2")" -v time="$time" -v memory="$memory" \
        'BEGIN {printf "%-18s %10.1f %15.1f %11.1f\n", name, bytes / 1048576, time, memory}'
}

# The program itself, not the script that starts an unpacked one.
node_exporter="$(command -v prometheus-node-exporter)"
if head -c 2 "$node_exporter" | grep -q '#!'; then
    node_exporter="$(sed -n "s/^exec '\([^']*\)'.*/\1/p" "$node_exporter")"
fi
build
build_json_exporter
configure_json_exporter
start 10 1d
curl -sf "http://$exporter_at/metrics" |
    sed -n 's/^amperity_ingest_job_info{.*job_id="\([^"]*\)".*/\1/p' >"$folder/jobs"
jobs="$(wc -l <"$folder/jobs")"
job="$(head -n 1 "$folder/jobs")"
probe="/probe?module=default&target=http%3A%2F%2F${upstream_at/:/%3A}%2Fapi%2Fingest%2Fjobs%2F"
kill "$exporter"
wait "$exporter" 2>/dev/null || true

echo '                   binary MiB  first page, ms  memory MiB'
start_times "$exporter_at" /metrics "job_id=\"$job\"" "$exporter_binary" \
    --config.file="$folder/exporter.yml" --web.listen-address="$exporter_at"
row amperity_exporter "$exporter_binary"
start_times "$json_at" "$probe$job" amperity_ingest_read_rows "$json_exporter" \
    --config.file="$folder/json.yml" --web.listen-address="$json_at"
row json_exporter "$json_exporter"
start_times "$node_at" /metrics node_cpu_seconds_total "$node_exporter" \
    --web.listen-address="$node_at"
row node_exporter "$node_exporter"

# The API allows ten requests per second.
pause=0.11
interval="$(awk -v jobs="$jobs" -v pause="$pause" 'BEGIN {print int(jobs * pause) + 2}')"
requests() {
    curl -sf "http://$exporter_at/metrics" |
        awk '/^amperity_api_requests_total/ {sum += $2} END {print sum + 0}'
}
configure "interval: ${interval}s" 1
"$exporter_binary" --config.file="$folder/exporter.yml" \
    --web.listen-address="$exporter_at" --log.level=warn &
exporter=$!
first_page "$exporter_at" /metrics "job_id=\"$job\""
before="$(cpu "$exporter")"
sent="$(requests)"
for ((scrape = 0; scrape < scrapes; scrape++)); do
    sleep "$interval"
    curl -sf "http://$exporter_at/metrics" -o "$folder/page"
done
ours="$(awk -v before="$before" -v after="$(cpu "$exporter")" -v scrapes="$scrapes" \
    'BEGIN {print (after - before) / scrapes}')"
our_requests="$(awk -v before="$sent" -v after="$(requests)" -v scrapes="$scrapes" \
    'BEGIN {print (after - before) / scrapes}')"

"$json_exporter" --config.file="$folder/json.yml" --web.listen-address="$json_at" 2>"$folder/log" &
other=$!
first_page "$json_at" "$probe$job" amperity_ingest_read_rows
before="$(cpu "$other")"
answered=0
for ((scrape = 0; scrape < scrapes; scrape++)); do
    while read -r job; do
        sleep "$pause"
        curl -sf "http://$json_at$probe$job" -o "$folder/probed"
        grep -q '^amperity_ingest_read_rows{' "$folder/probed"
        answered=$((answered + 1))
    done <"$folder/jobs"
done
theirs="$(awk -v before="$before" -v after="$(cpu "$other")" -v scrapes="$scrapes" \
    'BEGIN {print (after - before) / scrapes}')"

printf '\n%d jobs, per scrape:  processor ms  requests to the API\n' "$jobs"
awk -v ours="$ours" -v our_requests="$our_requests" -v theirs="$theirs" \
    -v their_requests="$((answered / scrapes))" 'BEGIN {
        printf "amperity_exporter    %12.2f %20.1f\n", ours, our_requests
        printf "json_exporter        %12.2f %20.1f\n", theirs, their_requests
        printf "ratio                %12.1f %20.1f\n", theirs / ours, their_requests / our_requests
    }'
