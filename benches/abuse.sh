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

# attack [KIND]: all attacks of this kind, and the peak memory they cost.
attack() {
    start 951 1d
    echo "peak memory before: $(peak_memory) MiB"
    target/debug/examples/abuse "$exporter_at" "$@"
    echo "peak memory after:  $(peak_memory) MiB"
    kill -0 "$exporter"
    stop
}

attack
exporter_flags=(--web.config.file="$folder/web.yml")
exporter_scheme=https
attack tls
