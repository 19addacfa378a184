{{/* The pod of the download Job; takes (list . profile model). */}}
{{- define "glm.model.pod" -}}
{{- $root := index . 0 -}}
metadata:
  labels:
    {{- include "glm.selector" (list $root "model") | nindent 4 }}
spec:
  {{- include "glm.pod" (list $root true) | nindent 2 }}
  {{- include "glm.placement" . | trim | nindent 2 }}
  restartPolicy: OnFailure
  containers:
    -
      {{- include "glm.model.container" (append . "download") | nindent 6 }}
  volumes:
    {{- include "glm.model.volume" (list $root (index . 2)) | nindent 4 }}
    {{- include "glm.scratch-volumes" (list $root (list "model.py")) | nindent 4 }}
{{- end -}}
