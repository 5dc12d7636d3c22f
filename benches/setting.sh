# What the benchmarks over sockets share, for scripts to source: the exporter
# as it is released, against a simulated API with a page of a given size.

# shellcheck source=tests/tools.sh
. tests/tools.sh

folder="$(mktemp -d)"
# Workers of nginx may be another user.
chmod 755 "$folder"
exporter_at=127.0.0.1:19109
upstream_at=127.0.0.1:19110
exporter=""
upstream=""

build() {
    cargo build --quiet --release --locked --bin amperity_exporter
    # The simulated API is asked before, not while something is measured.
    cargo build --quiet --locked --example upstream
}

# start RUNS INTERVAL: an exporter with a page of about 105 × RUNS series,
# refreshed at this interval. Returns when the page is there.
start() {
    target/debug/examples/upstream "$upstream_at" "$1" &
    upstream=$!
    cat >"$folder/exporter.yml" <<END
refresh: {interval: $2}
api: {base_url: "http://$upstream_at/api", timeout: 1m}
tenants:
  - tenant: tenant-0
    authorization: {credentials: token-of-tenant-0}
    discovery: {window: 7d}
END
    target/release/amperity_exporter --config.file="$folder/exporter.yml" \
        --web.listen-address="$exporter_at" --log.level=warn &
    exporter=$!
    until curl -sf "http://$exporter_at/-/ready" >"$folder/ready"; do
        kill -0 "$exporter" || return 1
        sleep 0.2
    done
}

stop() {
    kill "$exporter" "$upstream" 2>/dev/null || true
    wait "$exporter" "$upstream" 2>/dev/null || true
}

# The most memory the exporter ever had, in MiB.
peak_memory() {
    awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$exporter/status"
}

# The middle one of the numbers of a file, one in a line.
median() {
    sort -g "$1" | awk '{line[NR] = $1} END {print line[int((NR + 1) / 2)]}'
}
