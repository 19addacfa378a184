{{/* The server's pod; takes (list . profile model). */}}
{{- define "glm.server.pod" -}}
{{- $root := index . 0 -}}
{{- $labels := include "glm.selector" (list $root "server") | fromYaml -}}
metadata:
  labels:
    {{- merge $labels (dict "glm-serving/rollout" (include "glm.server.rollout" .)) $root.Values.podLabels | toYaml | nindent 4 }}
  {{- with include "glm.server.annotations" . | fromYaml }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "glm.server.spec" . | nindent 2 }}
{{- end -}}

{{/* Another script is another pod. */}}
{{- define "glm.server.annotations" -}}
{{- $root := index . 0 -}}
{{- $annotations := deepCopy $root.Values.podAnnotations -}}
{{- range include "glm.scripts" (list $root (index . 2)) | fromJsonArray -}}
{{- $_ := set $annotations (printf "glm-serving/%s" .) ($root.Files.Get (printf "files/scripts/%s" .) | sha256sum | trunc 16) -}}
{{- end -}}
{{- toYaml $annotations -}}
{{- end -}}

{{- define "glm.server.spec" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{ include "glm.pod" (list $root true) }}
{{ include "glm.placement" . | trim }}
{{- with $root.Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- /* The first process of a namespace ignores SIGTERM until it handles it: not the engine. */}}
shareProcessNamespace: true
terminationGracePeriodSeconds: {{ include "glm.server.grace" . }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "glm.selector" (list $root "server") | nindent 8 }}
{{- with include "glm.server.init" . | trim }}
initContainers:
  {{- . | nindent 2 }}
{{- end }}
containers:
  - name: server
    image: {{ $profile.image | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command:
      {{- range include "glm.argv" $profile | fromJsonArray }}
      - {{ . | quote }}
      {{- end }}
      {{- if $root.Values.auth.secret }}
      - "--config"
      - "/run/glm/keys.yaml"
      {{- end }}
    env:
      {{- include "glm.server.env" . | trim | nindent 6 }}
    ports:
      - name: http
        containerPort: {{ int $profile.port }}
    {{- include "glm.server.probes" . | nindent 4 }}
    lifecycle:
      preStop:
        sleep:
          seconds: {{ int $root.Values.shutdown.leaveSeconds }}
    resources:
      {{- include "glm.server.resources" . | nindent 6 }}
    securityContext:
      {{- include "glm.container-security" (list $root $root.Values.security.numaBinding) | nindent 6 }}
    volumeMounts:
      {{- include "glm.server.mounts" . | nindent 6 }}
volumes:
  {{- include "glm.server.volumes" . | nindent 2 }}
{{- end -}}
