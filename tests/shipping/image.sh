# The image, built from stand-ins of its base images: no registry is needed.
# What differs from the real ones: the C library and compiler are Debian's of the
# same release, and the program is built without link-time optimization.

image_name=localhost/amperity_exporter

buildah_here() {
    buildah --root "$shipping/images/root" --runroot "$shipping/images/run" --storage-driver vfs "$@"
}

# base NAME FOLDER SETTING...: an image with the contents of a folder.
base() {
    local container
    container="$(buildah_here from scratch)"
    buildah_here copy --quiet "$container" "$2" / >/dev/null
    buildah_here config "${@:3}" "$container"
    buildah_here commit --quiet --rm "$container" "$1" >/dev/null
}

# The builder: Debian with a C compiler. The toolchain of this machine is mounted.
builder_base() {
    local folder="$shipping/builder"
    fresh_system "$folder"
    cp /etc/resolv.conf "$folder/etc/"
    chroot "$folder" apt-get -qq update
    DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get -qq install --no-install-recommends gcc libc6-dev >/dev/null
    # Downloads work as they do on this machine.
    cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
    mkdir -p "$folder/usr/local/rust"
    base docker.io/library/rust:1.95-slim-bookworm "$folder" \
        --env PATH=/usr/local/rust/bin:/usr/bin:/bin --env CARGO_HOME=/usr/local/cargo \
        --env CARGO_PROFILE_RELEASE_LTO=off --env CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    rm -rf "$folder"
}

# The image's own base: the libraries, certificates and user of distroless.
runtime_base() {
    local folder="$shipping/runtime" library
    rm -rf "$folder"
    mkdir -p "$folder/etc/ssl/certs" "$folder/lib/x86_64-linux-gnu" "$folder/lib64" "$folder/tmp"
    for library in libc.so.6 libm.so.6 libgcc_s.so.1; do
        cp -L "$shipping/debian/lib/x86_64-linux-gnu/$library" "$folder/lib/x86_64-linux-gnu/"
    done
    cp -L "$shipping/debian/lib64/ld-linux-x86-64.so.2" "$folder/lib64/"
    cp "$shipping/debian/etc/ssl/certs/ca-certificates.crt" "$folder/etc/ssl/certs/"
    echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >"$folder/etc/passwd"
    echo 'nonroot:x:65532:' >"$folder/etc/group"
    base gcr.io/distroless/cc-debian12:nonroot "$folder" --user 65532
    rm -rf "$folder"
}

image_builds() {
    buildah_here bud --isolation chroot --layers=false --pull-never --format docker \
        --volume "$(rustc --print sysroot):/usr/local/rust:ro" --build-arg REVISION=0123456 --tag "$image_name" . >"$shipping/image.log" 2>&1 ||
        { tail -n 20 "$shipping/image.log" && return 1; }
    buildah_here images "$image_name"
}

image_has_labels_and_no_root() {
    buildah_here inspect --type image "$image_name" >"$shipping/image.json"
    python3 - "$shipping/image.json" <<'END'
import json, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
assert config["User"] == "65532", config["User"]
labels = config["Labels"]
assert labels["org.opencontainers.image.revision"] == "0123456", labels
assert labels["org.opencontainers.image.licenses"] == "MIT OR Apache-2.0", labels
assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/amperity_exporter", "healthcheck", "--pid=1"]
END
}

# Runs the image's program as a container engine does: process 1, read-only root,
# a folder for the demo's files, the image's user, no capabilities. The image's
# health check runs beside it and has to find the port of process 1.
image_is_healthy_and_unhealthy() {
    local container root process child status=0 page
    container="$(buildah_here from --pull-never "$image_name")"
    root="$(buildah_here mount "$container")"
    mkdir -p "$root/proc"
    unshare --mount --pid --fork --kill-child sh -c "
        mount --bind '$root' '$root' && mount -t proc proc '$root/proc' &&
            mount -t tmpfs tmpfs '$root/tmp' && mount -o remount,bind,ro '$root' &&
            exec setpriv --bounding-set=-all,+sys_chroot,+setuid,+setgid --no-new-privs chroot --userspec=65532:65532 '$root' \
                /usr/local/bin/amperity_exporter demo --web.listen-address=127.0.0.1:10162" >"$shipping/container.log" 2>&1 &
    process=$!
    page="$(mktemp)"
    wait_until_up 127.0.0.1:10162 "$page" || { cat "$shipping/container.log" && status=1; }
    child="$(cat "/proc/$process/task/$process/children")"
    child="${child%% *}"
    health "$child" || { echo "the health check is red" && status=1; }
    kill -STOP "$child"
    if health "$child" 2>"$page"; then
        echo "the health check is green for a stopped process" && status=1
    fi
    cat "$page"
    kill -CONT "$child"
    # It stops when the engine asks it to.
    kill -TERM "$child"
    wait "$process" || status=1
    buildah_here rm "$container" >/dev/null
    return "$status"
}

# health PROCESS: the image's health check in the namespaces of a process.
health() {
    nsenter --target "$1" --mount --pid --root --setuid 65532 \
        /usr/local/bin/amperity_exporter healthcheck --pid=1
}

step_image() {
    require_root image || return 0
    require image buildah debootstrap unshare nsenter setpriv curl python3 || return 0
    check "image: stand-ins of the base images" eval 'builder_base && runtime_base'
    check "image: builds" image_builds
    check "image: labels, user, health check" image_has_labels_and_no_root
    check "image: runs, healthy and not" image_is_healthy_and_unhealthy
}
