{{/* What locust is told besides its file, as a JSON list; takes (list . profile). */}}
{{- define "glm.loadtest.master" -}}
{{- $root := index . 0 -}}
{{- $test := $root.Values.loadTest -}}
{{- $words := list
  "--master" "--headless" "--expect-workers" (int $test.workers | toString) "--expect-workers-max-wait" "600"
  "--host" (include "glm.url" .)
  "--model" (index . 1).served
  "--scenario" "/loadtest/scenario.json"
  "--limits" "/loadtest/limits.json"
  "--results" "/tmp/results"
-}}
{{- range $test.set }}{{ $words = concat $words (list "--set" .) }}{{ end -}}
{{- toRawJson $words -}}
{{- end -}}

{{- define "glm.loadtest.worker" -}}
{{- list "--worker" "--master-host" (printf "%s-loadtest" (include "glm.name" (index . 0))) "--model" (index . 1).served | toRawJson -}}
{{- end -}}
