# Programs the tests and benchmarks talk to, for scripts to source:
#
#     . tests/tools.sh
#     need promtool prometheus
#
# What is not on PATH is taken from Debian's or Ubuntu's packages, which are
# unpacked under target/debian: nothing is installed, nothing is started, no
# root is needed, and nothing outside of target/ is written.

tools="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/debian"
PATH="$PATH:$tools/bin"
export PATH

# Links made by an earlier version of this script are replaced.
if [ "$tools/bin" -ot "${BASH_SOURCE[0]}" ]; then
    rm -rf "$tools/bin"
fi

# need PROGRAM...: makes sure that each of them is on PATH, or ends the script.
need() {
    local program
    for program in "$@"; do
        if ! command -v "$program" >/dev/null; then
            tools_add "$program" || tools_give_up "$program"
        fi
    done
}

# need_python MODULE: makes sure that python3 finds a module, or ends the script.
need_python() {
    local package="python3-${1//_/-}"
    need python3
    if ! python3 -c "import $1" 2>/dev/null; then
        tools_unpack "$package" || tools_give_up "$package"
        PYTHONPATH="$tools/$package/usr/lib/python3/dist-packages:${PYTHONPATH:-}"
        export PYTHONPATH
        python3 -c "import $1" || tools_give_up "$package"
    fi
}

# The packages of a program: its own, then libraries few machines have.
tools_packages() {
    case "$1" in
        prometheus | promtool) echo prometheus ;;
        alertmanager | amtool) echo prometheus-alertmanager ;;
        nginx) echo nginx ;;
        wrk) echo wrk libluajit-5.1-2 ;;
        *) echo "$1" ;;
    esac
}

tools_give_up() {
    local packages
    packages="$(tools_packages "$1")"
    echo "$1 is missing, and its package could not be unpacked here." >&2
    echo "Put $1 on PATH, or install it: apt-get install ${packages%% *}" >&2
    exit 1
}

# Downloads the packages given into the current directory: by the system's
# lists of packages or, where they are missing or too old, by lists of our own.
tools_download() {
    local apt="$tools/apt"
    mkdir -p "$apt/cache/archives/partial" "$apt/state/lists/partial"
    cat >"$apt/system.conf" <<END
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
    cat "$apt/system.conf" - >"$apt/own.conf" <<END
Dir::State "$apt/state";
Dir::State::lists "lists";
Dir::State::status "/var/lib/dpkg/status";
END
    if apt-get -qq -c "$apt/system.conf" download "$@" 2>/dev/null; then
        return
    fi
    echo "fetching lists of packages into target/debian" >&2
    apt-get -qq -c "$apt/own.conf" update >&2 &&
        apt-get -qq -c "$apt/own.conf" download "$@" >&2
}

# Unpacks packages into target/debian, in a folder named after the first one.
tools_unpack() {
    local root="$tools/$1" file
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    if [ -d "$root" ]; then
        return
    fi
    echo "unpacking $* into target/debian" >&2
    rm -rf "$root.new"
    mkdir -p "$root.new"
    (
        cd "$root.new"
        tools_download "$@" || exit 1
        for file in *.deb; do
            dpkg -x "$file" . || exit 1
        done
        rm -- *.deb
    ) || return 1
    mv "$root.new" "$root"
}

# Unpacks the packages of a program and puts it into target/debian/bin.
tools_add() {
    local program="$1" root file packages
    read -ra packages <<<"$(tools_packages "$program")"
    tools_unpack "${packages[@]}" || return 1
    root="$tools/${packages[0]}"
    for file in "$root"/usr/{bin,sbin}/{,prometheus-}"$program"; do
        if [ -x "$file" ]; then
            tools_wrap "$program" "$file" "$root"
            return
        fi
    done
    return 1
}

# Puts a program that finds its unpacked libraries into target/debian/bin.
tools_wrap() {
    local program="$1" file="$2" root="$3" libraries
    libraries="$(find "$root/usr/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)"
    if LD_LIBRARY_PATH="$libraries" ldd "$file" 2>/dev/null | grep 'not found' >&2; then
        return 1
    fi
    mkdir -p "$tools/bin"
    {
        echo '#!/bin/sh'
        if [ "$program" = alertmanager ]; then
            tools_relocate "$file" "$root/usr/share/prometheus/alertmanager"
            file="$file.relocated"
        fi
        if [ -n "$libraries" ]; then
            echo "export LD_LIBRARY_PATH='$libraries'"
        fi
        echo "exec '$file' \"\$@\""
    } >"$tools/bin/$program.new"
    chmod +x "$tools/bin/$program.new"
    mv "$tools/bin/$program.new" "$tools/bin/$program"
}

# Debian's Alertmanager looks for its own templates in one folder of the
# system. A copy of it looks behind file descriptor 9 instead, in a path of the
# same length, and the script that starts it opens the unpacked folder there.
tools_relocate() {
    local file="$1" folder="$2"
    LC_ALL=C sed 's#/usr/share/prometheus/alertmanager#/proc/self/fd/9///////////////////#g' "$file" >"$file.relocated"
    chmod +x "$file.relocated"
    echo "exec 9<'$folder'"
}
