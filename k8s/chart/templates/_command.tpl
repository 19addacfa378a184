{{/*
The engine's command line as a JSON list: deploy/engines/arguments.py and deploy/profile.py in
Helm's words. Takes the profile of "glm.profile". true is the bare flag, false and null are left
out, a list repeats values (and vLLM's middleware option with each), a map is JSON, a single value
that starts with a dash follows an equals sign. A model that the engine wants first stands before
the options.
*/}}
{{- define "glm.argv" -}}
{{- $argv := concat (list "python3" "-m" .facts.module) .facts.subcommand -}}
{{- if .facts.modelFirst }}{{ $argv = append $argv .model }}{{ end -}}
{{- $spellings := .options.spellings | default dict -}}
{{- $model := .facts.modelFirst | ternary .facts.modelOption "" -}}
{{- range .args -}}
{{- $key := index . 0 -}}
{{- $value := index . 1 -}}
{{- if or (kindIs "invalid" $value) (eq $model (index $spellings $key | default $key)) -}}
{{- else if kindIs "bool" $value -}}
{{- if $value }}{{ $argv = append $argv (printf "--%s" $key) }}{{ end -}}
{{- else -}}
{{- $texts := list -}}
{{- range (kindIs "slice" $value | ternary $value (list $value)) }}{{ $texts = append $texts (include "glm.text" (list .)) }}{{ end -}}
{{- $groups := list $texts -}}
{{- if eq $key "middleware" }}{{ $groups = list }}{{ range $texts }}{{ $groups = append $groups (list .) }}{{ end }}{{ end -}}
{{- range $groups -}}
{{- if and (eq (len .) 1) (hasPrefix "-" (first .)) -}}
{{- $argv = append $argv (printf "--%s=%s" $key (first .)) -}}
{{- else }}{{ $argv = concat (append $argv (printf "--%s" $key)) . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toRawJson $argv -}}
{{- end -}}

{{/* One value as text: a text as it is, all else as JSON with sorted keys and no spaces. */}}
{{- define "glm.text" -}}
{{- $value := first . -}}
{{- kindIs "string" $value | ternary $value (toRawJson $value) -}}
{{- end -}}
