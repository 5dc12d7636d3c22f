#!/usr/bin/env bash
# Makes the packages of a program that is already built, from any directory:
#
#     deploy/packages/build.sh target/release/amperity_exporter
#
# writes a .deb, an .rpm and a .tar.gz to target/packages. Needs cargo, nfpm
# (https://nfpm.goreleaser.com) and objdump. Builds of one commit are identical.
set -euo pipefail
program="$(realpath "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

stage=target/packages/stage
documentation="$stage/share/doc/amperity-exporter"
VERSION="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
# nfpm reads it, too.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
# The newest version of the C library whose symbols the program uses; none if it
# is linked statically.
GLIBC="$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | cut -d_ -f2)"
case "$(objdump -f "$program")" in
    *x86-64*) NFPM_ARCH=amd64 machine=x86_64 ;;
    *aarch64*) NFPM_ARCH=arm64 machine=aarch64 ;;
    *)
        echo "$program is for an architecture without packages" >&2
        exit 1
        ;;
esac
export VERSION SOURCE_DATE_EPOCH GLIBC NFPM_ARCH

rm -rf "$stage"
mkdir -p "$stage/bin"
install -m 755 "$program" "$stage/bin/"
cargo run --quiet --locked --package amperity_packaging -- "$stage/share"
cp deploy/packages/copyright docs/CONFIGURATION.md docs/METRICS.md docs/RUNBOOK.md docs/STATE.md "$documentation"
cp CHANGELOG.md "$documentation/CHANGELOG.md"
cat >"$documentation/changelog" <<END
amperity-exporter ($VERSION) unstable; urgency=medium

  * See CHANGELOG.md.gz beside this file.

 -- The amperity_exporter authors <maintainers@amperity-exporter.invalid>  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END
find "$stage/share/man" "$documentation" -type f ! -name copyright -exec gzip -9n {} +
find "$stage" -type d -exec chmod 755 {} +
find "$stage/share" -type f -exec chmod 644 {} +

# The archive, for other distributions: the same files without compression.
archive="amperity_exporter-$VERSION-$machine-linux-${LIBC:-gnu}"
folder="target/packages/$archive"
rm -rf "$folder"
mkdir -p "$folder/docs"
cp -r "$stage/bin/amperity_exporter" deploy/amperity_exporter.service deploy/amperity_exporter.yml \
    deploy/prometheus/rules dashboards README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$folder"
cp -r docs/*.md docs/images "$folder/docs"
cp -r "$stage/share/man" "$stage/share/bash-completion" "$stage/share/zsh" "$stage/share/fish" "$folder"
cp "$documentation/THIRD-PARTY.txt.gz" "$folder"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C target/packages -c "$archive" |
    gzip -9n >"target/packages/$archive.tar.gz"
rm -rf "$folder"

# packages FORMAT: nfpm's configuration. RPM marks what is documentation.
packages() {
    local file
    cat deploy/packages/nfpm.yaml
    while read -r file; do
        echo "  - src: ./$stage/share/$file"
        echo "    dst: /usr/share/$file"
        case "$1:$file" in
            rpm:*/copyright | rpm:*/changelog.gz) echo "    packager: deb" ;;
            rpm:*) echo "    type: doc" ;;
        esac
    done < <(cd "$stage/share" && find man doc -type f | sort)
}

# A static program needs no package.
if [ -n "$GLIBC" ]; then
    for format in deb rpm; do
        packages "$format" >target/packages/nfpm.yaml
        nfpm package --config target/packages/nfpm.yaml --packager "$format" --target target/packages/
    done
fi
