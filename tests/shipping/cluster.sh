# The chart and the manifests in a real API server of Kubernetes, with its
# defaulting, validation and admission. There are no nodes: nothing runs.

cluster_port=10164
etcd_ports=(10165 10166)

build_kubernetes() {
    local module modules=()
    # The module of Kubernetes replaces these by folders of its repository.
    for module in $(go mod download -json "k8s.io/kubernetes@v$kubernetes" |
        sed -n 's/.*"GoMod": "\(.*\)",/\1/p' | xargs sed -n 's#^\t\(k8s.io/[^ ]*\) => ./staging/.*#\1#p'); do
        modules+=("$module=$module@v0.${kubernetes#*.}")
    done
    ldflags="-X k8s.io/component-base/version.gitVersion=v$kubernetes" \
        build kube-apiserver "k8s.io/kubernetes/cmd/kube-apiserver@v$kubernetes" "${modules[@]}"
    build kubectl "k8s.io/kubernetes/cmd/kubectl@v$kubernetes" "${modules[@]}"
}

# The CustomResourceDefinitions of Prometheus Operator. Later versions of this module
# are not on the Go module proxy.
operator_definitions() {
    local folder
    folder="$(go mod download -json github.com/prometheus-operator/prometheus-operator@v0.85.0 |
        sed -n 's/.*"Dir": "\(.*\)",/\1/p')/example/prometheus-operator-crd"
    cat "$folder"/*_{servicemonitors,podmonitors,scrapeconfigs,prometheusrules}.yaml
}

# Starts etcd and an API server with files in FOLDER, where everybody with the
# token is an administrator.
start_cluster() {
    local folder="$1"
    etcd --data-dir "$folder/etcd" --log-level error \
        --listen-client-urls "http://127.0.0.1:${etcd_ports[0]}" --advertise-client-urls "http://127.0.0.1:${etcd_ports[0]}" \
        --listen-peer-urls "http://127.0.0.1:${etcd_ports[1]}" >"$folder/etcd.log" 2>&1 &
    openssl genrsa -out "$folder/accounts.key" 2048 2>/dev/null
    echo 'token-of-admin,admin,1,system:masters' >"$folder/tokens"
    kube-apiserver --etcd-servers="http://127.0.0.1:${etcd_ports[0]}" --bind-address=127.0.0.1 \
        --secure-port="$cluster_port" --cert-dir="$folder/certificates" --token-auth-file="$folder/tokens" \
        --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 \
        --service-account-issuer=https://localhost --service-account-key-file="$folder/accounts.key" \
        --service-account-signing-key-file="$folder/accounts.key" >"$folder/apiserver.log" 2>&1 &
    cat >"$folder/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$cluster_port", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: token-of-admin}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
END
    export KUBECONFIG="$folder/kubeconfig"
    for _ in $(seq 120); do
        ! kubectl create namespace monitoring >"$folder/ready" 2>&1 || return 0
        sleep 0.5
    done
    tail -n 20 "$folder/etcd.log" "$folder/apiserver.log"
    return 1
}

cluster_accepts_every_combination() {
    local values sets=0
    while read -r values; do
        helm template a-release "$chart" --namespace monitoring --values - <<<"$values" 2>/dev/null |
            kubectl apply --server-side --dry-run=server --namespace monitoring --filename - >"$shipping/cluster.log" 2>&1 ||
            { cat "$shipping/cluster.log" && echo "with $values" && return 1; }
        sets=$((sets + 1))
    done < <(matrix)
    echo "$sets sets of values"
}

# What docs/INSTALL.md says for Helm, then an upgrade and the end.
chart_is_installed() {
    echo token >"$shipping/token.jwt"
    kubectl create secret generic amperity-token --from-file="$shipping/token.jwt"
    helm install amperity-exporter "$chart" --set 'existingSecrets={amperity-token}' \
        --set 'config.tenants[0].tenant=socktown,config.tenants[0].authorization.credentials_file=token.jwt,config.tenants[0].discovery.window=24h' \
        --set monitoring.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true >"$shipping/cluster.log"
    kubectl get deployment,service,configmap,servicemonitor,prometheusrule --output name
    kubectl get deployment amperity-exporter --output=jsonpath='{.spec.template.spec.containers[0].args}{"\n"}'
    helm upgrade amperity-exporter "$chart" --reuse-values --set config.refresh.interval=2m >"$shipping/cluster.log"
    kubectl get configmap amperity-exporter --output=jsonpath='{.data}' | grep -q 'interval: 2m'
    helm uninstall amperity-exporter
    [ -z "$(kubectl get deployment,servicemonitor,prometheusrule --output name)" ]
    kubectl delete secret amperity-token
}

# What docs/INSTALL.md says without Helm.
manifests_are_applied() {
    kubectl create secret generic amperity-token --from-file="$shipping/token.jwt"
    kubectl apply --kustomize deploy/kubernetes
    # A second time, as after an update.
    kubectl apply --kustomize deploy/kubernetes
    kubectl delete --kustomize deploy/kubernetes
}

# Nobody creates pods here, so the pods of both kinds are created from their
# templates, in a namespace that admits only restricted ones.
pods_are_restricted() {
    local values kind
    kubectl create namespace restricted
    kubectl label namespace restricted pod-security.kubernetes.io/enforce=restricted
    kubectl create serviceaccount amperity-exporter --namespace restricted
    for values in demo=true demo=true,state.enabled=true; do
        kind=Deployment
        [ "$values" = demo=true ] || kind=StatefulSet
        helm template amperity-exporter "$chart" --namespace restricted --set "$values" |
            python3 -c '
import sys, yaml
[workload] = [document for document in yaml.safe_load_all(sys.stdin) if document["kind"] == sys.argv[1]]
pod = workload["spec"]["template"]
pod["metadata"]["name"] = "a-pod"
print(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **pod}))' "$kind" |
            kubectl create --dry-run=server --namespace restricted --filename -
    done
}

step_cluster() {
    require cluster go etcd openssl python3 || return 0
    if ! python3 -c 'import yaml' 2>/dev/null; then
        skip "cluster" "python3-yaml is missing"
        return
    fi
    local folder
    folder="$(mktemp -d)"
    # The API server takes a minute to stop without etcd.
    trap 'kill -KILL $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' RETURN
    check "cluster: programs" eval 'build_helm && build_kubernetes'
    if ! start_cluster "$folder"; then
        failed=$((failed + 1))
        return
    fi
    check "cluster: the types of Prometheus Operator" eval 'operator_definitions | kubectl apply --server-side --filename -'
    check "cluster: accepts every combination of values" cluster_accepts_every_combination
    check "cluster: the chart is installed, upgraded and uninstalled" chart_is_installed
    check "cluster: deploy/kubernetes is applied" manifests_are_applied
    check "cluster: admits the pods as restricted" pods_are_restricted
}
