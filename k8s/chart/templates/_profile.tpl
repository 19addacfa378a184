{{/*
The profile with the values laid over it, as JSON. Everything else is derived from it.

args is a list of [option, value], in the profile's order with new options behind, as launch.py has
it: fromYaml forgets the order, so the option names are read from the text once more.
*/}}
{{- define "glm.profile" -}}
{{- $text := .Values.customProfile | default (.Files.Get (printf "profiles/%s.yaml" .Values.profile)) -}}
{{- $profile := fromYaml $text -}}
{{- if not (and (dig "engine" "args" "" $profile) (has (dig "engine" "name" "" $profile) (list "sglang" "vllm"))) -}}
{{- fail "\n  customProfile: this is not the text of a profile; pass a file with --set-file customProfile=FILE" -}}
{{- end -}}
{{- $engine := $profile.engine -}}
{{- $facts := index (.Files.Get "files/engines.json" | fromJson) $engine.name -}}
{{- $version := .Values.engine.version | default $engine.version -}}
{{- $options := index $facts.versions $version | default dict -}}
{{- $args := include "glm.args" (dict "text" $text "args" $engine.args "set" (.Values.engine.args | toRawJson | fromJson) "options" $options) | fromJson -}}
{{- $env := $engine.env | default dict -}}
{{- range $name, $value := .Values.engine.env | toRawJson | fromJson -}}
{{- $env = set $env $name (kindIs "string" $value | ternary $value (toRawJson $value)) -}}
{{- end -}}
{{- $result := dict
  "name" (.Values.customProfile | empty | ternary .Values.profile "custom")
  "summary" $profile.summary
  "engine" $engine.name
  "version" $version
  "image" (.Values.engine.image | default $engine.image)
  "facts" $facts
  "options" $options
  "args" $args.list
  "env" $env
  "gpu" $profile.hardware.gpu
  "gpus" (int $profile.hardware.count)
  "nodes" (int ($profile.hardware.nodes | default 1))
  "verifiedOn" ($profile.evidence.verified_on | default list)
  "limits" $profile.limits
  "drainSeconds" (.Values.limits.drain_seconds | int | default (ceil $profile.limits.drain_seconds) | int)
  "plan" (index (.Files.Get "files/plan.json" | fromJson) (.Values.customProfile | empty | ternary .Values.profile "") | default dict)
-}}
{{- range $pair := $args.list -}}
{{- $spelling := index $pair 0 -}}
{{- $name := index ($options.spellings | default dict) $spelling | default $spelling -}}
{{- $value := index $pair 1 -}}
{{- if and (kindIs "slice" $value) (not (empty $value)) }}{{ $value = first $value }}{{ end -}}
{{- if has $name (list "port" "host" "served-model-name" "revision" $facts.modelOption) -}}
{{- if and (ne $name "port") (not (kindIs "invalid" $value)) }}{{ $value = include "glm.text" (list $value) }}{{ end -}}
{{- $_ := set $result (eq $name $facts.modelOption | ternary "model" $name) $value -}}
{{- end -}}
{{- end -}}
{{- toRawJson (include "glm.pod-host" $result | fromJson) -}}
{{- end -}}

{{/*
A pod's 127.0.0.1 reaches nobody, not even the probes: such a host becomes every address, in the
place the profile gives it. The port and the model's name get the engine's defaults.
*/}}
{{- define "glm.pod-host" -}}
{{- $host := .host | default .facts.host -}}
{{- if has $host (list "127.0.0.1" "localhost" "::1") -}}
{{- $args := list -}}
{{- $found := false -}}
{{- range .args -}}
{{- if eq (index . 0) "host" }}{{ $found = true }}{{ $args = append $args (list "host" "0.0.0.0") }}{{ else }}{{ $args = append $args . }}{{ end -}}
{{- end -}}
{{- if not $found }}{{ $args = append $args (list "host" "0.0.0.0") }}{{ end -}}
{{- $_ := set . "args" $args -}}
{{- end -}}
{{- $_ := set . "port" (kindIs "invalid" .port | ternary .facts.port .port | int) -}}
{{- $_ := set . "served" (index . "served-model-name" | default .model) -}}
{{- toRawJson . -}}
{{- end -}}
