# The Debian and RPM packages, in a fresh system.

# A folder with Debian's smallest system, made once.
fresh_system() {
    local base="$shipping/debian"
    if [ ! -e "$base.done" ]; then
        rm -rf "$base"
        debootstrap --variant=minbase --include=systemd,ca-certificates bookworm "$base" >"$shipping/debootstrap.log" || return 1
        touch "$base.done"
    fi
    rm -rf "$1"
    cp -a "$base" "$1"
}

# The program to package: PROGRAM, or a build without optimization.
packaged_program() {
    if [ -n "${PROGRAM:-}" ]; then
        echo "$PROGRAM"
        return
    fi
    cargo build --locked --quiet --bin amperity_exporter
    mkdir -p "$shipping/program"
    strip -o "$shipping/program/amperity_exporter" target/debug/amperity_exporter
    echo "$shipping/program/amperity_exporter"
}

build_packages() {
    local program first
    program="$(packaged_program)"
    deploy/packages/build.sh "$program" >/dev/null
    first="$(sha256sum target/packages/*.{deb,rpm,tar.gz})"
    deploy/packages/build.sh "$program" >/dev/null
    [ "$first" = "$(sha256sum target/packages/*.{deb,rpm,tar.gz})" ] || { echo "two builds differ" && return 1; }
    ls -l target/packages/*.{deb,rpm,tar.gz}
}

lint_packages() {
    lintian --allow-root --fail-on error,warning,info --suppress-tags initial-upload-closes-no-bugs target/packages/*.deb
    rpmlint --config deploy/packages/rpmlint.toml target/packages/*.rpm
}

# Asserts about a system: it has these paths; it has not.
has() {
    local root="$1" path
    shift
    for path in "$@"; do
        [ -e "$root$path" ] || [ -L "$root$path" ] || { echo "$path is missing" && return 1; }
    done
}
lacks() {
    local root="$1" path
    shift
    for path in "$@"; do
        if [ -e "$root$path" ] || [ -L "$root$path" ]; then
            echo "$path is there" && return 1
        fi
    done
}

wanted=/etc/systemd/system/multi-user.target.wants/amperity_exporter.service
config=/etc/amperity_exporter/amperity_exporter.yml

# configure ROOT: as the installation notes say, with state as if it had run.
configure() {
    echo token >"$1/etc/amperity_exporter/token.jwt"
    echo "# edited" >>"$1$config"
    mkdir -p "$1/var/lib/private/amperity_exporter"
    ln -s private/amperity_exporter "$1/var/lib/amperity_exporter"
    echo state >"$1/var/lib/private/amperity_exporter/state.db"
    chroot "$1" systemctl enable amperity_exporter 2>/dev/null
    has "$1" "$wanted"
}

kept() {
    has "$1" "$config" /etc/amperity_exporter/token.jwt /var/lib/private/amperity_exporter/state.db
    grep -q '^# edited' "$1$config"
}

debian_package() {
    local root="$shipping/deb-system" package newer
    fresh_system "$root"
    package="$(echo target/packages/amperity-exporter_*.deb)"
    newer="$shipping/newer.deb"
    dpkg-deb -R "$package" "$shipping/newer-deb"
    sed -i 's/^Version: .*/Version: 99.0.0/' "$shipping/newer-deb/DEBIAN/control"
    dpkg-deb -b "$shipping/newer-deb" "$newer" >/dev/null
    rm -rf "$shipping/newer-deb"
    cp "$package" "$root/first.deb"
    cp "$newer" "$root/newer.deb"

    chroot "$root" dpkg -i /first.deb | grep "systemctl enable --now amperity_exporter"
    has "$root" "$config" /usr/share/man/man1/amperity_exporter.1.gz
    lacks "$root" "$wanted"
    [ "$(chroot "$root" dpkg-query -W -f '${Conffiles}' amperity-exporter | grep -c " /etc/")" -eq 2 ]
    chroot "$root" amperity_exporter --version
    chroot "$root" systemd-analyze verify --man=no /usr/lib/systemd/system/amperity_exporter.service
    configure "$root"

    chroot "$root" dpkg -i /newer.deb >/dev/null
    kept "$root"
    has "$root" "$wanted"
    chroot "$root" dpkg -r amperity-exporter >/dev/null 2>&1
    kept "$root"
    lacks "$root" "$wanted" /usr/bin/amperity_exporter
    chroot "$root" dpkg -P amperity-exporter >/dev/null 2>&1
    lacks "$root" /etc/amperity_exporter /etc/default/amperity_exporter \
        /var/lib/private/amperity_exporter /var/lib/amperity_exporter
}

# RPM's dependencies are not in Debian's system: --nodeps.
rpm_package() {
    local root="$shipping/rpm-system" package
    fresh_system "$root"
    package="$(echo target/packages/amperity-exporter-*.rpm)"
    rpm --root "$root" --nodeps -i "$package" | grep "systemctl enable --now amperity_exporter"
    has "$root" "$config" /usr/share/man/man1/amperity_exporter.1.gz
    lacks "$root" "$wanted"
    [ "$(rpm -qpc "$package" | wc -l)" -eq 2 ]
    chroot "$root" amperity_exporter --version
    configure "$root"
    rpm --root "$root" --nodeps -U --replacepkgs "$package" >/dev/null
    kept "$root"
    has "$root" "$wanted"
    rpm --root "$root" -e amperity-exporter
    lacks "$root" "$wanted" /usr/bin/amperity_exporter "$config"
    # RPM keeps an edited configuration under another name.
    has "$root" "$config.rpmsave" /etc/amperity_exporter/token.jwt /var/lib/private/amperity_exporter/state.db
}

exposure() {
    local level
    level="$(systemd-analyze security --offline=yes deploy/amperity_exporter.service 2>/dev/null |
        grep 'Overall exposure level' | grep -oE '[0-9]+\.[0-9]')"
    echo "exposure $level"
    awk "BEGIN { exit !($level <= 2.0) }"
}

# As the unit runs it: its flags, no privileges, a folder for the state.
the_installed_program_serves() {
    local root="$shipping/deb-system" exporter page status=0
    fresh_system "$root"
    cp target/packages/amperity-exporter_*.deb "$root/first.deb"
    chroot "$root" dpkg -i /first.deb >/dev/null
    install -d -o nobody "$root/var/lib/amperity_exporter"
    start_simulator 127.0.0.1:10160
    echo "$token" >"$root/etc/amperity_exporter/token.jwt"
    chmod 644 "$root/etc/amperity_exporter/token.jwt"
    cat >"$root$config" <<END
api: {base_url: http://127.0.0.1:10160/api}
tenants:
  - {tenant: socktown, authorization: {credentials_file: token.jwt}, discovery: {window: 24h}}
END
    chroot --userspec=nobody:nogroup "$root" env STATE_DIRECTORY=/var/lib/amperity_exporter sh -c "$(
        sed -n '/^ExecStart=/,/\$ARGS$/{s/^ExecStart=/exec /;p}' deploy/amperity_exporter.service
    ) --web.listen-address=127.0.0.1:10161" 2>"$shipping/exporter.log" &
    exporter=$!
    page="$shipping/page"
    wait_until_up 127.0.0.1:10161 "$page" || { cat "$shipping/exporter.log" && status=1; }
    has "$root" /var/lib/amperity_exporter/state.db || status=1
    kill "$simulator" "$exporter"
    wait "$exporter" || status=1
    return "$status"
}

step_packages() {
    require_root packages || return 0
    require packages go objdump debootstrap rpm rpmlint lintian systemd-analyze curl || return 0
    check "packages: programs" build_nfpm
    check "packages: two builds are identical" build_packages
    check "packages: lintian and rpmlint" lint_packages
    check "packages: .deb is installed, upgraded, removed and purged" debian_package
    check "packages: .rpm is installed, upgraded and erased" rpm_package
    check "packages: the unit's exposure" exposure
    check "packages: the installed program serves" the_installed_program_serves
}
