# The Helm chart and what is rendered from it.

chart=deploy/helm/amperity-exporter

# deploy/kubernetes/amperity-exporter.yaml. What only Helm needs is left out.
render() {
    echo "# Rendered from the Helm chart by: tests/shipping.sh render"
    helm template amperity-exporter "$chart" --values deploy/kubernetes/values.yaml --no-hooks 2>/dev/null |
        grep -vE '^ *(namespace: default|app.kubernetes.io/managed-by: |helm.sh/chart: )|^# Source: '
}

rendered() {
    render | diff -u deploy/kubernetes/amperity-exporter.yaml - ||
        { echo "run: tests/shipping.sh render" && return 1; }
}

# Sets of values that together reach every branch of the templates.
matrix() {
    local tenant='{"config": {"tenants": [{"tenant": "socktown", "authorization": {"credentials_file": "token.jwt"}, "discovery": {"window": "24h"}}]}}'
    local all='"prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}, "thresholds": {"many_feeds": 3}, "links": {"grafana": "https://grafana.example.com"}}, "dashboards": {"enabled": true, "annotations": {"folder": "Amperity"}}, "podDisruptionBudget": {"enabled": true}, "networkPolicy": {"enabled": true, "from": [{"podSelector": {}}], "extraEgress": [{"ports": [{"port": 3128}]}]}'
    local placed='"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}], "affinity": {"podAntiAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}], "priorityClassName": "high", "imagePullSecrets": ["registry"], "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"}, "extraLabels": {"team": "data"}, "extraArgs": ["--refresh.interval=2m"], "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]'
    local tls='"web": {"port": 8443, "config": {"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key", "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}}}, "existingSecrets": ["token", "certificate"]'
    local state state_on='"state": {"enabled": true, "storageClassName": "fast"}' kind
    echo '{"demo": true}'
    echo '{"demo": true, "state": {"enabled": true}, "monitoring": {"enabled": true}}'
    for state in '"demo": false' "$state_on"; do
        for kind in ServiceMonitor PodMonitor ScrapeConfig; do
            echo "${tenant%\}}, $state, $all, \"monitoring\": {\"enabled\": true, \"kind\": \"$kind\"}}"
        done
        echo "${tenant%\}}, $state, $placed, \"reload\": {\"enabled\": true}, \"secret\": {\"data\": {\"token.jwt\": \"abc\"}}}"
        echo "${tenant%\}}, $state, $tls, \"serviceAccount\": {\"create\": false}, \"monitoring\": {\"enabled\": true, \"tlsConfig\": {\"insecureSkipVerify\": true}, \"basicAuth\": {\"username\": {\"name\": \"a\", \"key\": \"b\"}}}}"
    done
    echo "{\"config\": {\"refresh\": {\"mode\": \"scrape\"}, \"tenants\": [{\"tenant\": \"socktown\"}]}, $state_on, \"sharding\": {\"shards\": 3}, \"monitoring\": {\"enabled\": true, \"kind\": \"ScrapeConfig\", \"interval\": \"2m\", \"scrapeTimeout\": \"45s\"}}"
}

every_combination_is_valid() {
    local values count sets=0 resources=0
    while read -r values; do
        count="$(helm template a-release "$chart" --namespace monitoring --values - <<<"$values" 2>/dev/null | manifests)" ||
            { echo "with $values" && return 1; }
        sets=$((sets + 1))
        resources=$((resources + count))
    done < <(matrix)
    echo "$resources resources of $sets sets of values"
}

archive_has_the_shipped_files() {
    local folder
    folder="$(mktemp -d)"
    helm package "$chart" --destination "$folder" >/dev/null 2>&1
    tar -C "$folder" -xzf "$folder"/amperity-exporter-*.tgz
    diff -r "$folder/amperity-exporter/files/rules" deploy/prometheus/rules
    diff -r "$folder/amperity-exporter/files/dashboards" dashboards
    # Rules that went through the templates are still the shipped ones.
    helm template a "$folder"/amperity-exporter-*.tgz --set demo=true,prometheusRule.enabled=true \
        --show-only templates/prometheusrule.yaml >"$folder/rule.yaml"
    python3 - "$folder/rule.yaml" deploy/prometheus/rules/*.yml <<'END'
import sys, yaml
rendered, *shipped = [yaml.safe_load(open(path)) for path in sys.argv[1:]]
groups = [group for file in shipped for group in file["groups"]]
assert rendered["spec"]["groups"] == groups, "the groups differ"
END
    # One ConfigMap for each dashboard.
    local files rendered
    files=(dashboards/*.json)
    rendered="$(helm template a "$folder"/amperity-exporter-*.tgz --set demo=true,dashboards.enabled=true \
        --show-only templates/dashboards.yaml | manifests)"
    [ "$rendered" -eq "${#files[@]}" ]
    rm -r "$folder"
}

the_kustomization_builds() {
    kustomize build deploy/kubernetes | manifests
}

step_chart() {
    require chart go python3 || return 0
    if ! python3 -c 'import yaml' 2>/dev/null; then
        skip "chart" "python3-yaml is missing"
        return
    fi
    check "chart: programs" eval 'build_helm && build_helm_unittest && build_manifests && build_kustomize'
    check "chart: helm lint" helm lint --strict "$chart" --set demo=true
    check "chart: unit tests" helm-unittest "$chart"
    check "chart: Kubernetes' types accept every combination of values" every_combination_is_valid
    check "chart: the archive has the shipped rules and dashboards" archive_has_the_shipped_files
    check "chart: deploy/kubernetes is rendered from it" rendered
    check "chart: deploy/kubernetes builds" the_kustomization_builds
}
