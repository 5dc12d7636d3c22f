# The state file on real disks: full, read-only, mounted alone. Each function runs
# in mounts of its own, in an empty folder with the configuration of an exporter.

exporter() {
    "$program" --config.file=exporter.yml --web.listen-address=127.0.0.1:10163 >exporter.log 2>&1 &
    wait_until_up 127.0.0.1:10163 page >up || { cat exporter.log && return 1; }
}

# fails LOG ARGUMENT...: the exporter ends with an error.
fails() {
    if "$program" "${@:2}" --config.file=exporter.yml >"$1" 2>&1; then
        cat "$1" && echo "no error" && return 1
    fi
}

# until_line PATTERN FILE: waits at most 10 seconds for a line.
until_line() {
    for _ in $(seq 100); do
        ! grep -q "$1" "$2" || return 0
        sleep 0.1
    done
    cat "$2"
    return 1
}

# The runs of all feeds that were counted, by the page.
counted_runs() {
    curl -fsS http://127.0.0.1:10163/metrics | awk '/^amperity_feed_runs_total/ {runs += $NF} END {print runs}'
}

disk_is_full_for_a_while() {
    local runs=0
    mount -t tmpfs -o size=2m tmpfs state
    exporter
    dd if=/dev/zero of=state/filler bs=1k 2>dd.log || true
    until_line 'level=warn msg="cannot write the state file' exporter.log
    for _ in $(seq 180); do
        runs="$(counted_runs)"
        [ "$runs" -eq 0 ] || break
        sleep 1
    done
    [ "$runs" -gt 0 ]
    rm state/filler
    until_line 'the state file is written again' exporter.log
    [ "$(grep -c 'cannot write' exporter.log)" -eq 1 ]
    runs="$(counted_runs)"
    kill -9 %1
    wait 2>dd.log || true
    exporter
    echo "runs counted: $runs before kill -9, $(counted_runs) after"
    [ "$(counted_runs)" -ge "$runs" ]
    kill %1 %2 2>dd.log || true
}

disk_is_full_at_the_start() {
    mount -t tmpfs -o size=2m tmpfs state
    dd if=/dev/zero of=state/filler bs=1k 2>dd.log || true
    exporter
    until_line 'check that its disk has space' exporter.log
    rm state/filler
    until_line 'the state file is written again' exporter.log
    [ "$(grep -c 'cannot write' exporter.log)" -eq 1 ]
    kill %1
}

disk_is_read_only() {
    mount -t tmpfs -o ro tmpfs state
    exporter
    until_line 'mount its folder writable' exporter.log
    sleep 3
    [ "$(grep -c 'cannot write' exporter.log)" -eq 1 ]
    kill %1
    fails check.log check
    grep 'mount its folder writable' check.log
}

file_is_mounted_alone() {
    touch state/state.db a.db
    mount --bind a.db state/state.db
    fails check.log check
    grep 'mount its folder instead' check.log
    fails exporter.log --web.listen-address=127.0.0.1:10163
    grep 'mount its folder instead' exporter.log
    # It is left as it was.
    [ ! -s a.db ]
}

# on_its_own FUNCTION
on_its_own() {
    local folder="$shipping/disk"
    rm -rf "$folder"
    mkdir -p "$folder/state"
    echo "$token" >"$folder/token.jwt"
    cat >"$folder/exporter.yml" <<END
api: {base_url: http://127.0.0.1:10160/api}
refresh: {interval: 1s}
state: {file: state/state.db}
tenants:
  - {tenant: socktown, authorization: {credentials_file: token.jwt}, discovery: {window: 24h}}
END
    program="$(packaged_program)"
    export program
    export -f exporter fails wait_until_up until_line counted_runs "${1?}"
    unshare --mount bash -euo pipefail -c "cd '$folder' && $1"
}

step_disk() {
    require_root disk || return 0
    require disk unshare mount curl || return 0
    local function
    start_simulator 127.0.0.1:10160
    for function in disk_is_full_for_a_while disk_is_full_at_the_start disk_is_read_only file_is_mounted_alone; do
        check "state: ${function//_/ }" on_its_own "$function"
    done
    kill "$simulator"
}
