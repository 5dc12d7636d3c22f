# Programs that tests/shipping.sh builds from Go modules under target/shipping,
# for it to source. Each is built once, for the version given here.

shipping="$PWD/target/shipping"
PATH="$shipping/bin:$PATH:/usr/local/go/bin"
export PATH

# Kubernetes that the chart and the manifests are tested with.
kubernetes=1.37.2

# build PROGRAM PACKAGE@VERSION [MODULE=REPLACEMENT@VERSION...]: makes the
# program available. Modules with replacements cannot be built by `go install`.
build() {
    local program="$1" package="${2%@*}" version="${2#*@}" folder replacement
    shift 2
    if [ -x "$shipping/bin/$program-$version" ]; then
        ln -sfn "$program-$version" "$shipping/bin/$program"
        return
    fi
    echo "building $program $version under target/shipping" >&2
    folder="$shipping/build/$program"
    rm -rf "$folder"
    mkdir -p "$folder" "$shipping/bin"
    (
        cd "$folder"
        export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
        go mod init shipping
        for replacement in "$@"; do
            go mod edit -replace "$replacement"
        done
        go get "$package@$version"
        nice go build -ldflags "${ldflags:-}" -o "$shipping/bin/$program-$version" "$package"
    ) >"$folder/log" 2>&1 || {
        tail -n 20 "$folder/log" >&2
        return 1
    }
    ln -sfn "$program-$version" "$shipping/bin/$program"
}

build_helm() {
    # The version of Kubernetes that `helm template` and `helm lint` assume.
    local assume=helm.sh/helm/v3/pkg/chartutil.k8sVersion
    ldflags="-X ${assume}Major=${kubernetes%%.*} -X ${assume}Minor=$(cut -d. -f2 <<<"$kubernetes")" \
        build helm helm.sh/helm/v3/cmd/helm@v3.22.0
}

build_helm_unittest() {
    build helm-unittest github.com/helm-unittest/helm-unittest/cmd/helm-unittest@v1.1.2 \
        github.com/vmware-labs/yaml-jsonpath=github.com/helm-unittest/yaml-jsonpath@v0.4.0
}

build_actionlint() {
    build actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
}

build_nfpm() {
    build nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
}

build_kustomize() {
    build kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
}

build_manifests() {
    if [ ! -x "$shipping/bin/manifests" ] || [ -n "$(find tests/shipping/manifests -newer "$shipping/bin/manifests")" ]; then
        echo "building manifests under target/shipping" >&2
        mkdir -p "$shipping/bin"
        (cd tests/shipping/manifests && CGO_ENABLED=0 nice go build -buildvcs=false -o "$shipping/bin/" .)
    fi
}

# python_program NAME VERSION: from PyPI, in an environment of its own.
python_program() {
    local environment="$shipping/python/$1-$2"
    if [ ! -x "$environment/bin/$1" ]; then
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet "$1==$2"
    fi
    mkdir -p "$shipping/bin"
    ln -sfn "$environment/bin/$1" "$shipping/bin/$1"
}
