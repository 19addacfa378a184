{{/* Names what the pods of one rollout have in common, so that a Service can choose these alone. */}}
{{- define "glm.server.rollout" -}}
{{- $pod := list (include "glm.server.spec" .) (include "glm.server.annotations" .) (toYaml (index . 0).Values.podLabels) -}}
{{- /* Digits alone would be a number to YAML. */ -}}
{{- printf "r%s" ($pod | join "\n" | sha256sum | trunc 16) -}}
{{- end -}}

{{/* Seconds until a rollout's servers are there: each in turn drains and starts. Takes (list . profile). */}}
{{- define "glm.rollout.seconds" -}}
{{- $values := (index . 0).Values -}}
{{- $profile := index . 1 -}}
{{- $model := include "glm.model" . | fromJson -}}
{{- $startup := $values.probes.startupSeconds | int | default $profile.plan.startupSeconds | int -}}
{{- /* Five minutes for scheduling and pulling the image. */ -}}
{{- $one := add (include "glm.server.grace" .) $startup 300 -}}
{{- add (mul $values.replicas $one) ($model.download | ternary (int $values.model.downloadSeconds) 0) -}}
{{- end -}}

{{/*
What a pod waits for, in a file, so that other replicas are no other pod. Takes (list . profile).
*/}}
{{- define "glm.rollout" -}}
{{- dict "servers" (int (index . 0).Values.replicas) "seconds" (include "glm.rollout.seconds" . | int) | toRawJson -}}
{{- end -}}

{{/* "true" where a pod waits for the servers of a rollout. */}}
{{- define "glm.rollout.awaited" -}}
{{- if and .Values.replicas (or .Values.verify.afterRollout .Values.evaluate.enabled .Values.evaluate.afterRollout .Values.loadTest.enabled) }}true{{ end -}}
{{- end -}}

{{/* Seconds that a pod with the contract checks may take: ten minutes to schedule it and to end. */}}
{{- define "glm.verify.seconds" -}}
{{- add 600 (mulf 60 .Values.verify.minutes | ceil) -}}
{{- end -}}

{{/* What Helm has to be told so that it waits long enough for one hook; takes (list . profile). */}}
{{- define "glm.gates.timeout" -}}
{{- $values := (index . 0).Values -}}
{{- $longest := $values.verify.afterRollout | ternary (include "glm.verify.seconds" (index . 0)) 0 | int -}}
{{- if $values.evaluate.afterRollout }}{{ $longest = max $longest (int $values.evaluate.deadlineSeconds) }}{{ end -}}
--timeout {{ add (include "glm.rollout.seconds" .) $longest }}s
{{- end -}}
