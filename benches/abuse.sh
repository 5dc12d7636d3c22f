#!/usr/bin/env bash
# How scrapes fare during attacks, and what these cost in memory:
#
#     ./benches/abuse.sh
#
# A page of 100,000 series; each kind of hostile client in turn, see
# benches/abuse.rs, first over plain HTTP, then over TLS with HTTP/2. Loopback
# only; about five minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. benches/setting.sh
need curl
trap 'stop; rm -rf "$folder"' EXIT

build
cargo build --quiet --locked --example abuse
ulimit -n "$(ulimit -H -n)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
    -keyout "$folder/server.key" -out "$folder/server.pem" 2>/dev/null
printf 'tls_server_config: {cert_file: server.pem, key_file: server.key}\n' >"$folder/web.yml"

# attack [FLAG]... [-- KIND]: all attacks on an exporter with these flags.
attack() {
    local kind="" peak
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        exporter_flags+=("$1")
        shift
    done
    kind="${2:-}"
    start 951 1d
    echo "peak memory before: $(peak_memory) MiB"
    # shellcheck disable=SC2086
    target/debug/examples/abuse "$exporter_at" $kind
    peak="$(peak_memory)"
    kill -0 "$exporter"
    echo "peak memory after:  $peak MiB"
    stop
}

exporter_flags=()
attack
attack --web.config.file="$folder/web.yml" -- tls
