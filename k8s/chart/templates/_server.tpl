{{/* The server's environment as a list; the profile's own variables win. Takes (list . profile model). */}}
{{- define "glm.server.env" -}}
{{- $profile := index . 1 -}}
{{- $model := index . 2 -}}
{{- /* torch asks for the user's name, which an arbitrary number does not have. */ -}}
{{- $env := dict "HOME" "/home/glm" "USER" "glm" "LOGNAME" "glm" -}}
{{- /* The model's own code is copied before it is run: not into a volume that others share. */ -}}
{{- $_ := set $env "HF_MODULES_CACHE" "/home/glm/modules" -}}
{{- if $model.mounted -}}
{{- $_ := set $env "HF_HOME" "/models/huggingface" -}}
{{- /* Kernels are compiled for an engine's version and a GPU: a change of either starts anew. */ -}}
{{- $kernels := printf "/models/kernels/%s-%s-%s" $profile.engine $profile.version (lower $profile.gpu) -}}
{{- range $name, $directory := $profile.facts.cacheDirs }}{{ $_ := set $env $name (printf "%s/%s" $kernels $directory) }}{{ end -}}
{{- end -}}
{{- if $model.download }}{{ $_ := set $env "HF_HUB_OFFLINE" "1" }}{{ end -}}
{{- range $name, $value := merge (deepCopy $profile.env) $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{/* Startup, readiness and liveness; takes (list . profile). */}}
{{- define "glm.server.probes" -}}
{{- $values := (index . 0).Values -}}
{{- $profile := index . 1 -}}
{{- $path := $profile.options.readyPath | default "/health" -}}
{{- /* SGLang's /health has the engine generate a token: a second when idle, 20 s until it gives up. */ -}}
{{- $slow := and (eq $profile.engine "sglang") (eq $path "/health") -}}
{{- $scheme := include "glm.scheme" $profile -}}
{{- $ready := dict "path" $path "port" "http" "scheme" (upper $scheme) | toRawJson -}}
{{- $startup := $values.probes.startupSeconds | int | default $profile.plan.startupSeconds | float64 -}}
startupProbe:
  httpGet: {{ $ready }}
  periodSeconds: 10
  timeoutSeconds: {{ $slow | ternary 30 5 }}
  failureThreshold: {{ divf $startup 10 | ceil | int }}
readinessProbe:
  httpGet: {{ $ready }}
  periodSeconds: {{ $slow | ternary 60 5 }}
  timeoutSeconds: {{ $slow | ternary 60 5 }}
  failureThreshold: {{ $slow | ternary 10 3 }}
livenessProbe:
  {{- /* Answered by the HTTP process alone, whatever the GPUs do, and without a key. */}}
  {{- if eq $profile.engine "vllm" }}
  httpGet: {{ $ready }}
  {{- else if include "glm.has-metrics" $profile }}
  httpGet: {path: /metrics, port: http, scheme: {{ upper $scheme }}}
  {{- else }}
  tcpSocket: {port: http}
  {{- end }}
  periodSeconds: 30
  timeoutSeconds: 30
  failureThreshold: {{ divf ($values.probes.livenessSeconds | float64) 30 | ceil | int }}
{{- end -}}

{{/* "true" where the engine serves /metrics. */}}
{{- define "glm.has-metrics" -}}
{{- $has := eq .engine "vllm" -}}
{{- range .args }}{{ if and (eq (index . 0) "enable-metrics") (eq (toRawJson (index . 1)) "true") }}{{ $has = true }}{{ end }}{{ end -}}
{{- if $has }}true{{ end -}}
{{- end -}}

{{- define "glm.scheme" -}}
{{- $scheme := "http" -}}
{{- range .args }}{{ if and (eq (index . 0) "ssl-certfile") (index . 1) }}{{ $scheme = "https" }}{{ end }}{{ end -}}
{{- $scheme -}}
{{- end -}}

{{/* The longest a stop may take: leaving the service, draining, and what the engine adds. */}}
{{- define "glm.server.grace" -}}
{{- $shutdown := (index . 0).Values.shutdown -}}
{{- add $shutdown.leaveSeconds (index . 1).drainSeconds $shutdown.marginSeconds -}}
{{- end -}}

{{/* Requests and limits, equal. */}}
{{- define "glm.server.resources" -}}
{{- $values := (index . 0).Values -}}
{{- $profile := index . 1 -}}
{{- $size := dict
  "cpu" ($values.resources.cpu | default ($profile.plan.cpu | default (max 2 (mul 8 $profile.gpus))) | toString)
  "memory" ($values.resources.memory | default $profile.plan.memory)
-}}
{{- if $profile.gpus }}{{ $_ := set $size $values.gpu.resource (toString $profile.gpus) }}{{ end -}}
requests: {{ toRawJson $size }}
limits: {{ toRawJson $size }}
{{- end -}}

{{/* The service's address from inside the namespace; takes (list . profile). */}}
{{- define "glm.url" -}}
{{- $profile := index . 1 -}}
{{- printf "%s://%s:%d" (include "glm.scheme" $profile) (include "glm.name" (index . 0)) ((index . 0).Values.service.port | int | default $profile.port | int) -}}
{{- end -}}
