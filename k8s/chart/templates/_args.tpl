{{/*
Options of a map as {"list": [[option, value], ...]} with overrides laid over it. An override keeps
the place and the spelling that the profile gave the option; one that turns a flag around goes last.
*/}}
{{- define "glm.args" -}}
{{- $args := deepCopy .args -}}
{{- $spellings := .options.spellings | default dict -}}
{{- $order := list -}}
{{- range regexFindAll "(?m)^    [A-Za-z0-9][^:\\s]*:" (regexFind "(?m)^  args:.*\\n(?:(?:    .*)?\\n?)*" .text) -1 -}}
{{- $order = append $order (trimSuffix ":" (trim .)) -}}
{{- end -}}
{{- range $key := keys $args | sortAlpha }}{{ if not (has $key $order) }}{{ $order = append $order $key }}{{ end }}{{ end -}}
{{- $overrides := .set -}}
{{- $options := .options -}}
{{- range $given := keys $overrides | sortAlpha -}}
{{- $key := $given -}}
{{- $name := index $spellings $key | default $key -}}
{{- range $other := $order -}}
{{- if and (ne $other $key) (eq $name (index $spellings $other | default $other)) -}}
{{- if or (has $key ($options.negations | default list)) (has $other ($options.negations | default list)) -}}
{{- $order = without $order $other -}}
{{- else }}{{ $key = $other }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $value := index $overrides $given -}}
{{- /* helm --set leaves a number with a point a text. */ -}}
{{- if and (kindIs "string" $value) (has $name ($options.floats | default list)) }}{{ $value = float64 $value }}{{ end -}}
{{- $_ := set $args $key $value -}}
{{- if not (has $key $order) }}{{ $order = append $order $key }}{{ end -}}
{{- end -}}
{{- $list := list -}}
{{- range $order }}{{ $list = append $list (list . (index $args .)) }}{{ end -}}
{{- dict "list" $list | toRawJson -}}
{{- end -}}
