{{/* The template of the pods, the same for Deployment and StatefulSet. */}}
{{- define "amperity-exporter.pod" -}}
metadata:
  labels:
    {{- include "amperity-exporter.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations (not (or .Values.demo .Values.reload.enabled)) }}
  annotations:
    {{- if not (or .Values.demo .Values.reload.enabled) }}
    # Replaces the pods when the configuration changes.
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "amperity-exporter.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: exporter
      image: {{ include "amperity-exporter.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "amperity-exporter.arguments" . | trim | nindent 8 }}
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: http, containerPort: {{ .Values.web.port }}, protocol: TCP}
      livenessProbe:
        {{- include "amperity-exporter.probe" (dict "Values" .Values "path" "/-/healthy") | trim | nindent 8 }}
        periodSeconds: 30
        timeoutSeconds: 5
      readinessProbe:
        {{- include "amperity-exporter.probe" (dict "Values" .Values "path" "/-/ready") | trim | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- if .Values.demo }}
        # For the demo's own configuration.
        - {name: tmp, mountPath: /tmp}
        {{- else }}
        - {name: config, mountPath: /etc/amperity_exporter, readOnly: true}
        {{- if .Values.state.enabled }}
        - {name: state, mountPath: /var/lib/amperity_exporter}
        {{- end }}
      {{- end }}
    {{- if and .Values.reload.enabled (not .Values.demo) }}
    - name: reloader
      image: {{ .Values.reload.image.repository }}:{{ .Values.reload.image.tag }}
      args:
        - --watched-dir=/etc/amperity_exporter
        - --reload-url={{ include "amperity-exporter.scheme" . }}://localhost:{{ .Values.web.port }}/-/reload
        - --listen-address=127.0.0.1:10199
      resources:
        {{- toYaml .Values.reload.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/amperity_exporter, readOnly: true}
    {{- end }}
  volumes:
    {{- if .Values.demo }}
    - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
    {{- else }}
    {{- include "amperity-exporter.configVolume" . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "amperity-exporter.arguments" -}}
{{- if .Values.demo }}
- demo
{{- else }}
- --config.file=/etc/amperity_exporter/amperity_exporter.yml
{{- if .Values.state.enabled }}
- --state.file=/var/lib/amperity_exporter/state.db
{{- end }}
{{- if .Values.web.config }}
- --web.config.file=/etc/amperity_exporter/web.yml
{{- end }}
{{- if .Values.reload.enabled }}
- --web.enable-lifecycle
{{- end }}
{{- end }}
- --web.listen-address=:{{ .Values.web.port }}
- --log.level={{ .Values.log.level }}
- --log.format={{ .Values.log.format }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
