#!/usr/bin/env bash
# Builds the program for release, from any directory:
#
#     deploy/packages/compile.sh [TARGET [PROFILE]]
#
# The same commit and compiler give the same bytes, whatever the folders of the
# sources and of Cargo are: their paths are not in the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target="${1:-$(rustc -vV | sed -n 's/^host: //p')}"
profile="${2:-release}"
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
export RUSTFLAGS="--remap-path-prefix=$PWD=/source --remap-path-prefix=$cargo_home=/cargo"
# Paths in assertions of C code.
export CFLAGS="-ffile-prefix-map=$PWD=/source -ffile-prefix-map=$cargo_home=/cargo"
# The C compiler's clock: mimalloc contains when it was compiled.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=0
    [ ! -e .git ] || SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
fi
export SOURCE_DATE_EPOCH
cargo build --locked --bin amperity_exporter --target "$target" --profile "$profile"
