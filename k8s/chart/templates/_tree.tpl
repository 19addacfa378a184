{{/*
Folders of this chart inside a pod: a ConfigMap holds their files under keys without slashes, and a
volume puts each back into its place. Parts, so that none is too large for kubectl apply, which
keeps a copy of an object in an annotation of at most 256 KiB. Takes (list profile part).
*/}}
{{- define "glm.tree.patterns" -}}
{{- $profile := index . 0 -}}
{{- $catalogues := "deploy/engines/catalogues" -}}
{{- $parts := dict
  "launcher" (list "launch.py" "deploy/*.py" "deploy/engines/*.*" "deploy/render/*.py" "deploy/server/*.py"
    (printf "%s/%s-%s.json" $catalogues $profile.engine $profile.version)
    (printf "%s/history-%s.json" $catalogues $profile.engine)
    "files/scripts/keyed.py" "files/scripts/wait.py")
  "verify" (list "deploy/verify/*.py")
  "evaluate" (list "deploy/evaluate/*.*" "profiles/evaluation/*.yaml" "files/scripts/evaluation.py")
  "loadtests" (list "loadtests/*.py" "loadtests/*/*.py" "loadtests/*/*.css" "files/scripts/keyed.py" "files/scripts/wait.py")
-}}
{{- index $parts (index . 1) | toRawJson -}}
{{- end -}}

{{/* Where a file of the chart lies below the mount. */}}
{{- define "glm.tree.path" -}}
{{- . | replace "profiles/" "configs/" | trimPrefix "files/scripts/" -}}
{{- end -}}

{{/* The file of a part that is no file of the chart, as JSON; takes (list . profile part). */}}
{{- define "glm.tree.made" -}}
{{- if eq (index . 2) "verify" -}}
{{- dict "name" "profile.json" "text" (include "glm.document" (list (index . 0) (index . 1))) | toRawJson -}}
{{- else if has (index . 2) (list "launcher" "loadtests") -}}
{{- dict "name" "rollout.json" "text" (include "glm.rollout" (list (index . 0) (index . 1))) | toRawJson -}}
{{- else }}{}{{ end -}}
{{- end -}}

{{/* A part's ConfigMap; takes (list . profile part). */}}
{{- define "glm.tree.configmap" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "glm.name" $root }}-{{ index . 2 }}
  labels:
    {{- include "glm.labels" (list $root (index . 2)) | nindent 4 }}
data:
  {{- range include "glm.tree.patterns" (rest .) | fromJsonArray }}
  {{- range $path, $data := $root.Files.Glob . }}
  {{ include "glm.tree.path" $path | replace "/" "--" }}: {{ toString $data | toRawJson }}
  {{- end }}
  {{- end }}
  {{- with include "glm.tree.made" . | fromJson }}
  {{ .name }}: {{ toRawJson .text }}
  {{- end }}
{{- end -}}

{{/* A part as a source of a projected volume; takes (list . profile part). */}}
{{- define "glm.tree.source" -}}
{{- $root := index . 0 -}}
- configMap:
    name: {{ include "glm.name" $root }}-{{ index . 2 }}
    items:
      {{- range include "glm.tree.patterns" (rest .) | fromJsonArray }}
      {{- range $path, $data := $root.Files.Glob . }}
      {{- $path := include "glm.tree.path" $path }}
      - {key: {{ replace "/" "--" $path }}, path: {{ $path }}}
      {{- end }}
      {{- end }}
      {{- with include "glm.tree.made" . | fromJson }}
      - {key: {{ .name }}, path: {{ .name }}}
      {{- end }}
{{- end -}}
