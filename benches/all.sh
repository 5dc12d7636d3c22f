#!/usr/bin/env bash
# Runs the benchmarks and writes what they print into the documents, and draws
# the plots:
#
#     ./benches/all.sh [NAME]...
#
# NAME is one of those below; without one, all of them, which takes about 40
# minutes after everything is built. Use an idle machine. The variables of the
# single scripts, such as ROUNDS and SECONDS_EACH, apply. A benchmark that fails
# leaves its table as it was; the others go on, and the exit code is 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=(scrape exposition state exporters large tenants shards abuse rules)
output="$(mktemp)"
trap 'rm -f "$output"' EXIT

# measure NAME: prints the table.
measure() {
    printf '%s, %s processors, load %s\n\n' "$(date -u +%F)" "$(nproc)" \
        "$(cut -d ' ' -f 1 /proc/loadavg)"
    case "$1" in
        # Without the lines of single measurements.
        exposition | state)
            cargo bench --quiet --locked --bench "$1" |
                sed -E '/^(Benchmarking|Found|scrape\/)|time: +\[|\([0-9.]+%\) (low|high)|change: +\[|No change in|Change within|Performance has|^$/d'
            ;;
        tenants) SECONDS_EACH="${SECONDS_EACH:-45}" benches/tenants.sh ;;
        *) "benches/$1.sh" ;;
    esac
}

# document NAME: where its table is.
document() {
    case "$1" in
        tenants | shards) echo docs/SCALING.md ;;
        *) echo docs/PERFORMANCE.md ;;
    esac
}

# plot NAME: draws the curve of a table, if it has one, and prints the link to it.
plot() {
    local picture=""
    case "$1" in
        exposition)
            picture=cost-of-series.svg
            awk '/ms per refresh$/ {wanted = $0 ~ /^OpenMetrics, Gzip/}
                wanted && $1 ~ /^[0-9]+$/' "$output" |
                awk -v x_label='series on the page' -v y_label='milliseconds per refresh' \
                    -v names='nothing changed;one job changed;all rendered again' \
                    -f benches/plot.awk >"docs/images/$picture" || return 1
            ;;
        tenants)
            picture=cost-of-tenants.svg
            awk '$1 ~ /^[0-9]+$/ {print $1, $3, $5}' "$output" |
                awk -v x_label='tenants' -v y_label='MiB' -v names='page;memory' \
                    -f benches/plot.awk >"docs/images/$picture" || return 1
            ;;
        *) return ;;
    esac
    printf '\n![The same as a plot, with logarithmic axes](images/%s)\n' "$picture"
}

# replace NAME: puts the output between the marks of that name.
replace() {
    local document picture
    document="$(document "$1")"
    picture="$(plot "$1")" || return 1
    awk -v name="$1" -v file="$output" -v picture="$picture" '
        $0 == "<!-- end of " name " -->" {inside = 0}
        !inside {print}
        $0 == "<!-- " name " -->" {
            inside = 1
            print "```text"
            while ((getline line < file) > 0) print line
            print "```"
            if (picture != "") print picture
        }' "$document" >"$document.new"
    mv "$document.new" "$document"
}

if [ "$#" -eq 0 ]; then
    set -- "${all[@]}"
fi
failed=()
for name in "$@"; do
    printf '\n== %s, %s\n' "$name" "$(date -u +%T)"
    if ! { measure "$name" | tee "$output" && replace "$name"; }; then
        failed+=("$name")
        echo "FAILED: $name; its table stays as it was"
    fi
done
printf '\n%s: %d of %d done\n' "$(date -u +%T)" "$(($# - ${#failed[@]}))" "$#"
[ "${#failed[@]}" -eq 0 ]
