# The published crates, licenses, the list of components, reproducible builds.

# Nothing but sources, licenses and the two texts for readers.
crates_have_only_what_builds_them() {
    local unneeded
    unneeded="$(for crate in amperity_exporter amperity_simulator; do
        cargo package --list --allow-dirty --quiet --package "$crate"
    done | grep -vE '^(src/.*|build\.rs|Cargo\.(toml|toml\.orig|lock)|README\.md|CHANGELOG\.md|LICENSE-(MIT|APACHE)|\.cargo_vcs_info\.json)$')" || true
    [ -z "$unneeded" ] || { echo "$unneeded" && return 1; }
}

# Builds both as somebody does who installs them, and runs the result.
crates_build() {
    CARGO_TARGET_DIR="$shipping/crate" CARGO_PROFILE_DEV_DEBUG=0 nice cargo package --allow-dirty --locked \
        --package amperity_simulator --package amperity_exporter
}

# Another folder, another home of Cargo, a git repository around it: the same bytes.
# PROFILE=release is what is released; the default is faster and differs in nothing
# that could hold a path.
builds_are_identical() {
    local profile="${PROFILE:-dev}" folder first second commit
    commit="$(git rev-parse HEAD)"
    local output="$profile"
    [ "$profile" != dev ] || output=debug
    for folder in "$shipping/reproduce/a" "$shipping/reproduce/elsewhere/b"; do
        rm -rf "$folder"
        mkdir -p "$folder"
        git archive "$commit" | tar -x -C "$folder"
        # The same crates at another path.
        mkdir -p "$folder-home"
        ln -sfn "${CARGO_HOME:-$HOME/.cargo}/registry" "$folder-home/registry"
        (
            cd "$folder" || exit
            export CARGO_HOME="$folder-home" CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=true
            export AMPERITY_EXPORTER_REVISION=test
            nice deploy/packages/compile.sh "" "$profile"
        )
    done
    first="$(echo "$shipping"/reproduce/a/target/*/"$output"/amperity_exporter)"
    second="$(echo "$shipping"/reproduce/elsewhere/b/target/*/"$output"/amperity_exporter)"
    sha256sum "$first" "$second"
    cmp "$first" "$second"
    if grep -q "$shipping" "$first"; then
        echo "a path of the build is in the program" && return 1
    fi
}

# Every crate that the program is built from, on any platform, is in its list of
# components. Crates of tests and benchmarks are in Cargo.lock only.
components_are_complete() {
    cargo cyclonedx --quiet --format json --spec-version 1.5 --target all --all --override-filename sbom
    cargo tree --locked --package amperity_exporter --edges normal,build --target all --prefix none --format '{p}' |
        awk '{print $1, substr($2, 2)}' | sort -u >"$shipping/crates"
    python3 - "$shipping/crates" <<'END'
import json, sys
bom = json.load(open("sbom.json"))
listed = {f'{c["name"]} {c["version"]}' for c in [bom["metadata"]["component"], *bom["components"]]}
wanted = set(open(sys.argv[1]).read().splitlines())
assert len(wanted) > 100
assert wanted <= listed, f"not listed: {sorted(wanted - listed)}"
print(f"{len(wanted)} crates, all listed")
END
    rm -f sbom.json crates/*/sbom.json
}

step_crate() {
    local reason
    check "crate: nothing unneeded" crates_have_only_what_builds_them
    check "crate: builds from the packages" crates_build
    check "crate: two builds are identical" builds_are_identical
    reason="$(missing cargo-deny)"
    if [ -n "$reason" ]; then
        skip "crate: licenses and sources" "$reason: cargo install --locked cargo-deny@0.20.2"
    else
        check "crate: licenses and sources" cargo deny --locked check licenses bans sources
    fi
    reason="$(missing cargo-cyclonedx python3)"
    if [ -n "$reason" ]; then
        skip "crate: list of components" "$reason: cargo install --locked cargo-cyclonedx@0.5.9"
    else
        check "crate: list of components" components_are_complete
    fi
}
