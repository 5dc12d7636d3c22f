#!/usr/bin/env bash
# Runs the benchmarks and writes what they print into docs/PERFORMANCE.md:
#
#     ./benches/all.sh [NAME]...
#
# NAME is scrape, exposition, tenants, abuse or rules; without one, all of them,
# which takes about an hour. Use an idle machine. The variables of the single
# scripts, such as ROUNDS and SECONDS_EACH, apply.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
document=docs/PERFORMANCE.md
output="$(mktemp)"
trap 'rm -f "$output"' EXIT

# replace NAME: puts the output between the marks of that name.
replace() {
    awk -v name="$1" -v file="$output" '
        $0 == "<!-- end of " name " -->" {inside = 0}
        !inside {print}
        $0 == "<!-- " name " -->" {
            inside = 1
            print "```text"
            while ((getline line < file) > 0) print line
            print "```"
        }' "$document" >"$document.new"
    mv "$document.new" "$document"
}

if [ "$#" -eq 0 ]; then
    set -- scrape exposition tenants abuse rules
fi
for name in "$@"; do
    printf '\n== %s\n' "$name"
    {
        printf '%s, %s processors, load %s\n\n' "$(date -u +%F)" "$(nproc)" \
            "$(cut -d ' ' -f 1 /proc/loadavg)"
        case "$name" in
            exposition) cargo bench --quiet --locked --bench exposition 2>/dev/null ;;
            *) "benches/$name.sh" ;;
        esac
    } | tee "$output"
    replace "$name"
done
