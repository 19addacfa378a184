{{/*
Where the model comes from, from a "glm.profile": repository is the hub's name, empty where the
model is a directory; mounted is whether the model's volume is of use at all. A repository has
exactly one slash, as the hub's names do; a path that starts with one lies on the volume; any other
is part of the image.
*/}}
{{- define "glm.model" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $hub := regexMatch "^[A-Za-z0-9][\\w.-]*/[\\w.-]+$" $profile.model -}}
{{- $storage := $root.Values.model.storage -}}
{{- $download := and $hub $root.Values.model.download -}}
{{- toRawJson (dict
  "repository" ($hub | ternary $profile.model "")
  "revision" ($profile.revision | default "main")
  "mounted" (or $hub (hasPrefix "/" $profile.model))
  "download" $download
  "job" (and $download (ne $storage.kind "host"))
  "claim" (eq $storage.kind "claim" | ternary (printf "%s-models" (include "glm.name" $root)) $storage.claimName)
) -}}
{{- end -}}

{{/* The scripts that containers run before the engine, as a JSON list; takes (list . model). */}}
{{- define "glm.scripts" -}}
{{- $scripts := list -}}
{{- if (index . 1).download }}{{ $scripts = append $scripts "model.py" }}{{ end -}}
{{- if (index . 0).Values.auth.secret }}{{ $scripts = append $scripts "keys.py" }}{{ end -}}
{{- toRawJson $scripts -}}
{{- end -}}

{{/* The volume with weights and compiled kernels, mounted at /models. */}}
{{- define "glm.model.volume" -}}
{{- $root := index . 0 -}}
- name: models
  {{- if eq $root.Values.model.storage.kind "host" }}
  hostPath:
    path: {{ $root.Values.model.storage.hostPath | quote }}
    type: Directory
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ (index . 1).claim }}
  {{- end }}
{{- end -}}

{{/* The container that downloads the model, or waits for it; takes (list . profile model command). */}}
{{- define "glm.model.container" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $model := index . 2 -}}
name: model
image: {{ $profile.image | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: [python3, /scripts/model.py, {{ index . 3 }}, {{ $model.repository | quote }}, {{ $model.revision | quote }}]
env:
  - name: HOME
    value: /tmp
  - name: HF_HOME
    value: /models/huggingface
  {{- if $root.Values.model.tokenSecret }}
  - name: HF_TOKEN_PATH
    value: /run/secrets/hub/{{ $root.Values.model.tokenKey }}
  {{- end }}
  {{- range $name, $value := $root.Values.model.env }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
resources:
  {{- /* Eight connections at a time and as many checksums; the page cache is the kernel's own. */}}
  requests: {cpu: "4", memory: 8Gi}
  limits: {cpu: "4", memory: 8Gi}
securityContext:
  {{- include "glm.container-security" (list $root false) | nindent 2 }}
volumeMounts:
  - name: models
    mountPath: /models
  - name: tmp
    mountPath: /tmp
  - name: scripts
    mountPath: /scripts
    readOnly: true
  {{- if $root.Values.model.tokenSecret }}
  - name: hub-token
    mountPath: /run/secrets/hub
    readOnly: true
  {{- end }}
{{- end -}}
