{{/* The pod that runs the contract checks; takes (list . profile wait). */}}
{{- define "glm.verify.spec" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $verify := $root.Values.verify -}}
{{- $words := list "python3" "/glm/launch.py" "verify"
  "--url" (include "glm.url" (list $root $profile))
  "--profile" "/glm/profile.json"
  "--minutes" (toString $verify.minutes)
-}}
{{- range $verify.only }}{{ $words = concat $words (list "--only" .) }}{{ end -}}
{{- range $verify.skip }}{{ $words = concat $words (list "--skip" .) }}{{ end -}}
{{- with int $verify.maxContextTokens }}{{ $words = concat $words (list "--max-context-tokens" (toString .)) }}{{ end -}}
{{- include "glm.launcher.spec" (dict
  "root" $root
  "profile" $profile
  "verb" "verify"
  "image" $profile.image
  "command" $words
  "keys" (list "api-key" "admin-api-key")
  "wait" (index . 2)
  "placed" true
  "resources" (dict "cpu" "1" "memory" "1Gi")
) -}}
{{- end -}}
