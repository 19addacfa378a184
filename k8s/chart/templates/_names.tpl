{{/* The base of every object's name: at most 38 characters, so that suffixes fit into 63. A release's
     name may hold dots and start with a digit, a Service's may not. */}}
{{- define "glm.name" -}}
{{- $name := .Values.nameOverride | default (.Release.Name | replace "." "-") -}}
{{- if regexMatch "^[0-9]" $name }}{{ $name = printf "glm-%s" $name }}{{ end -}}
{{- if gt (len $name) 38 -}}
{{- /* A hash keeps two long names apart that start alike. */ -}}
{{- $name = printf "%s-%s" ($name | trunc 29 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* What selects the pods of one component; takes (list . "server"). Never changes in an upgrade. */}}
{{- define "glm.selector" -}}
app.kubernetes.io/name: glm-serving
app.kubernetes.io/instance: {{ include "glm.name" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object; those of a pod are the selector's alone, so that a new chart version
     by itself restarts nothing. */}}
{{- define "glm.labels" -}}
{{ include "glm.selector" . }}
app.kubernetes.io/part-of: glm-serving
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}
