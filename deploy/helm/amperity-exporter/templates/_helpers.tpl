{{- define "amperity-exporter.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: the names of pods and volumes are longer. */}}
{{- define "amperity-exporter.fullname" -}}
{{- $name := include "amperity-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "amperity-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "amperity-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "amperity-exporter.labels" -}}
{{ include "amperity-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.extraLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "amperity-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "amperity-exporter.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "amperity-exporter.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* "true" if the pods are those of a StatefulSet. */}}
{{- define "amperity-exporter.stateful" -}}
{{- if or .Values.state.enabled (gt (int .Values.sharding.shards) 1) }}true{{ end }}
{{- end }}

{{- define "amperity-exporter.scheme" -}}
{{- if (.Values.web.config).tls_server_config }}https{{ else }}http{{ end }}
{{- end }}

{{/* Configurations that cannot work, with what to do. */}}
{{- define "amperity-exporter.validate" -}}
{{- $tenants := .Values.config.tenants | default list }}
{{- if and (not .Values.demo) (not $tenants) }}
{{- fail "nothing to export: list at least one tenant under config.tenants, or set demo: true to try the exporter without Amperity" }}
{{- end }}
{{- range $index, $tenant := $tenants }}
{{- if ($tenant.authorization).credentials }}
{{- fail (printf "config.tenants[%d].authorization.credentials would be readable in a ConfigMap: put the token into a Secret (existingSecrets, or secret.data) and name its file in credentials_file" $index) }}
{{- end }}
{{- if ($tenant.oauth2).client_secret }}
{{- fail (printf "config.tenants[%d].oauth2.client_secret would be readable in a ConfigMap: put the secret into a Secret (existingSecrets, or secret.data) and name its file in client_secret_file" $index) }}
{{- end }}
{{- end }}
{{- if gt (int .Values.sharding.shards) 1 }}
{{- if .Values.demo }}
{{- fail "demo: true has one tenant and cannot be sharded: set sharding.shards to 1" }}
{{- end }}
{{- if ne ((.Values.config.refresh).mode | default "interval") "scrape" }}
{{- fail "sharding.shards above 1 needs config.refresh.mode: scrape, so that a pod fetches only the tenants it is scraped for" }}
{{- end }}
{{- if and .Values.monitoring.enabled (ne .Values.monitoring.kind "ScrapeConfig") }}
{{- fail "sharding.shards above 1 needs monitoring.kind: ScrapeConfig, which assigns each tenant to one pod; the other kinds scrape every tenant from every pod" }}
{{- end }}
{{- end }}
{{- if and .Values.demo .Values.web.config }}
{{- fail "demo: true does not use a web configuration file: remove web.config" }}
{{- end }}
{{- end }}

{{- define "amperity-exporter.probe" -}}
{{- $authentication := ((.Values.web.config).tls_server_config).client_auth_type | default "" }}
{{- if has $authentication (list "RequireAnyClientCert" "RequireAndVerifyClientCert") }}
{{- /* The kubelet has no client certificate. */}}
tcpSocket: {port: http}
{{- else }}
httpGet: {path: {{ .path }}, port: http, scheme: {{ include "amperity-exporter.scheme" . | upper }}}
{{- end }}
{{- end }}

{{/* Configuration and credentials in one folder, so that relative paths work. */}}
{{- define "amperity-exporter.configVolume" -}}
- name: config
  projected:
    defaultMode: 0440
    sources:
      - configMap: {name: {{ include "amperity-exporter.fullname" . }}}
      {{- if .Values.secret.data }}
      - secret: {name: {{ include "amperity-exporter.fullname" . }}}
      {{- end }}
      {{- if .Values.web.config }}
      - secret: {name: {{ include "amperity-exporter.fullname" . }}-web}
      {{- end }}
      {{- range .Values.existingSecrets }}
      - secret: {name: {{ . }}}
      {{- end }}
{{- end }}
