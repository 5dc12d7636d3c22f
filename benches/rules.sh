#!/usr/bin/env bash
# How long Prometheus takes to evaluate the shipped rules, and how many series
# they record:
#
#     ./benches/rules.sh
#
# `amperity_exporter backfill` writes the series of one feed with nightly runs,
# its jobs and its workflow. They are repeated for FEEDS feeds (1000) over DAYS
# days (15), every 12 hours, and every minute for the last 25 minutes, which is
# as far as the rules look back. PROBLEMS (20) of the feeds are late. Prometheus
# evaluates the rules within the four minutes after the last sample.
# Prometheus is taken from PATH or from Debian's packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh
need promtool prometheus curl

feeds="${FEEDS:-1000}"
days="${DAYS:-15}"
problems="${PROBLEMS:-20}"
at=127.0.0.1:19112
folder="$(mktemp -d)"
server=""
trap 'kill $server 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

cargo build --quiet --locked --bin amperity_exporter
# The last sample: later than the blocks can be made, for Prometheus appends
# nothing that is older than they are.
now="$(($(date +%s) + ${PREPARATION:-300}))"

# The last run ended six hours ago.
run() {
    date -u -d "@$((now - 6 * 3600 - $1 * 86400 + $2))" +%Y-%m-%dT%H:%M:%SZ
}
for ((day = days; day >= 0; day--)); do
    printf '{"id": "isj-%s", "workflow_id": "wf-%s", "tables": [{"table_name": "TABLE", "feed_id": "FEED", "state": "succeeded", "read": 1000, "inserted": 900, "started_at": "%s", "ended_at": "%s"}]}\n' \
        "$day" "$day" "$(run "$day" -1200)" "$(run "$day" 0)" >>"$folder/jobs"
    printf '{"id": "wf-%s", "name": "WORKFLOW", "type": "courier.group/run", "state": "succeeded", "created_at": "%s", "ended_at": "%s"}\n' \
        "$day" "$(run "$day" -1300)" "$(run "$day" 60)" >>"$folder/runs"
done
target/debug/amperity_exporter backfill --tenant=socktown --jobs="$folder/jobs" \
    --workflow-runs="$folder/runs" --step=5m --label=job=amperity \
    --label=instance=localhost:10109 >"$folder/history"
last="$(tail -n 2 "$folder/history" | head -n 1 | awk '{print $NF}')"
awk -v last="$last" '$NF == last {sub(/ [0-9]+$/, ""); print}' "$folder/history" >"$folder/page"
printf 'one feed, its jobs and its workflow: %d series\n' "$(wc -l <"$folder/page")"

# What belongs to the tenant is there once. Ten feeds share a workflow.
awk -v feeds="$feeds" -v problems="$problems" -v days="$days" -v now="$now" '
    function add(text, feed) {
        gsub(/TABLE/, "Table " feed, text)
        gsub(/FEED/, "df-" feed, text)
        gsub(/WORKFLOW/, "Group " int(feed / 10), text)
        gsub(/isj-/, "isj-" feed "-", text)
        gsub(/wf-/, "wf-" int(feed / 10) "-", text)
        if (feed < problems && text ~ /^amperity_feed_due_timestamp/) sub(/ [^ ]+$/, " " now - 3600, text)
        lines[++count] = text
    }
    function step(time, number) {
        print "amperity_last_success_timestamp_seconds{job=\"amperity\",instance=\"localhost:10109\",tenant=\"socktown\"} " time " " time
        for (number = 1; number <= count; number++) print lines[number], time
    }
    /^amperity_last_success_timestamp_seconds/ {next}
    /FEED|isj-/ {for (feed = 0; feed < feeds; feed++) add($0, feed); next}
    /WORKFLOW/ {for (feed = 0; feed < feeds; feed += 10) add($0, feed); next}
    {lines[++count] = $0}
    END {
        for (time = now - days * 86400; time < now - 3600; time += 43200) step(time)
        for (time = now - 1500; time <= now; time += 60) step(time)
        print "# EOF"
    }' "$folder/page" >"$folder/all"
promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration=500h \
    "$folder/all" "$folder/data"
rm "$folder/all"

cat >"$folder/prometheus.yml" <<END
global: {evaluation_interval: 30s}
rule_files: [$PWD/deploy/prometheus/rules/*.yml]
END
left="$((now - $(date +%s)))"
[ "$left" -gt 0 ] || { echo "the blocks took too long: set PREPARATION to more seconds" >&2; exit 1; }
sleep "$left"
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --storage.tsdb.retention.time=30d --web.listen-address="$at" --log.level=error &
server=$!
until curl -sf "http://$at/-/ready" >"$folder/ready"; do
    kill -0 "$server"
    sleep 1
done
# Some evaluations: the first ones read the blocks into memory.
sleep 200

metric() {
    curl -s "http://$at/metrics" | awk -v name="$1" 'index($1, name) == 1 {sum += $2} END {print sum}'
}
query() {
    curl -s "http://$at/api/v1/query" --data-urlencode "query=$1" |
        sed -E 's/.*"value":\[[^,]*,"([^"]*)"\].*/\1/'
}
curl -s "http://$at/metrics" |
    sed -nE 's/^prometheus_rule_group_last_duration_seconds\{rule_group="[^;]*;([^"]*)"\} (.*)/\1: \2 s/p'
printf 'one evaluation of all groups: %s s\n' "$(metric prometheus_rule_group_last_duration_seconds)"
printf 'failed evaluations: %s\n' "$(metric prometheus_rule_evaluation_failures_total)"
printf 'series in the head (recorded, and alerts): %s\n' "$(metric prometheus_tsdb_head_series)"
printf 'recorded series: %s for %s feeds\n' "$(query 'count({__name__=~"amperity:.*"})')" "$feeds"
printf 'firing alerts: %s\n' "$(query 'count(ALERTS{alertstate="firing"})')"
printf 'resident memory of Prometheus: %s bytes\n' "$(metric process_resident_memory_bytes)"
