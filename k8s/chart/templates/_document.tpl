{{/*
The profile as it is served, as a file for launch.py: JSON, which is YAML, with the values laid over
it. Takes (list . profile).
*/}}
{{- define "glm.document" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $document := $root.Values.customProfile | default ($root.Files.Get (printf "profiles/%s.yaml" $root.Values.profile)) | fromYaml -}}
{{- $args := list -}}
{{- range $profile.args -}}
{{- /* 1e-7 is a number to JSON and a text to YAML 1.1. */ -}}
{{- $text := toRawJson (index . 1) -}}
{{- if kindIs "float64" (index . 1) }}{{ $text = regexReplaceAll "^(-?[0-9]+)e" $text "${1}.0e" }}{{ end -}}
{{- $args = append $args (printf "%s: %s" (index . 0 | toRawJson) $text) -}}
{{- end -}}
{{- $engine := merge (dict "version" $profile.version "image" $profile.image "env" $profile.env) (omit $document.engine "args") | toRawJson -}}
{{- $limits := merge (dict "drain_seconds" $profile.drainSeconds) $document.limits -}}
{{- $rest := set (omit $document "engine") "limits" $limits | toRawJson -}}
{{- printf "%s, \"engine\": %s, \"args\": {%s}}}" (trimSuffix "}" $rest) (trimSuffix "}" $engine) (join ", " $args) -}}
{{- end -}}
