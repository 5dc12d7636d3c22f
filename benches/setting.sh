# What the benchmarks over sockets share, for scripts to source: the exporter
# as it is released, or the binary named by EXPORTER, against a simulated API
# with a page of a given size.

# shellcheck source=tests/tools.sh
. tests/tools.sh

folder="$(mktemp -d)"
# Workers of nginx may be another user.
chmod 755 "$folder"
exporter_at=127.0.0.1:19109
upstream_at=127.0.0.1:19110
exporter=""
exporter_binary="${EXPORTER:-target/release/amperity_exporter}"
upstream=""
# Set by scripts that need other flags, or TLS.
exporter_flags=()
exporter_scheme=http

build() {
    if [ "$exporter_binary" = target/release/amperity_exporter ]; then
        cargo build --quiet --release --locked --bin amperity_exporter
    fi
    cargo build --quiet --locked --example upstream
}

# configure REFRESH TENANTS: writes the configuration, with these settings of
# refreshes and this many tenants.
configure() {
    local number
    {
        printf 'refresh: {%s}\n' "$1"
        echo 'limits: {jobs: 50000}'
        printf 'api: {base_url: "http://%s/api", timeout: 1m}\n' "$upstream_at"
        echo 'tenants:'
        for ((number = 0; number < $2; number++)); do
            printf -- '  - {tenant: tenant-%d, authorization: {credentials: token-of-tenant-%d},' \
                "$number" "$number"
            echo ' discovery: {window: 7d}}'
        done
    } >"$folder/exporter.yml"
}

# start RUNS INTERVAL [TENANTS] [FEEDS]: an exporter with a page of about
# 21 × RUNS × FEEDS series for each tenant, by default with five feeds, refreshed
# at this interval. Returns when the page is there.
start() {
    local tenants="${3:-1}" feeds="${4:-5}"
    target/debug/examples/upstream "$upstream_at" "$1" "$tenants" "$feeds" &
    upstream=$!
    configure "interval: $2" "$tenants"
    "$exporter_binary" --config.file="$folder/exporter.yml" \
        --web.listen-address="$exporter_at" --log.level=warn "${exporter_flags[@]}" &
    exporter=$!
    until curl -skf "$exporter_scheme://$exporter_at/-/ready" >"$folder/ready"; do
        kill -0 "$exporter" || return 1
        sleep 0.2
    done
}

stop() {
    kill "$exporter" "$upstream" 2>/dev/null || true
    wait "$exporter" "$upstream" 2>/dev/null || true
}

# status FIELD: a number of the exporter's process status.
status() {
    awk -v field="$1:" '$1 == field {print $2}' "/proc/$exporter/status"
}

# The most memory the exporter ever had, in MiB.
peak_memory() {
    awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$exporter/status"
}

# cpu PROCESS...: milliseconds of processor time that their threads used so far.
cpu() {
    local process
    for process in "$@"; do
        cat "/proc/$process/task"/*/schedstat
    done | awk '{used += $1} END {printf "%.3f", used / 1e6}'
}

# The middle one of the numbers of a file, one in a line.
median() {
    sort -g "$1" | awk '{line[NR] = $1} END {print line[int((NR + 1) / 2)]}'
}
