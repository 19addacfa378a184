{{/*
The pod of the accuracy gate; takes (list . profile name): name is what its results' folder begins
with, and the Job's own number follows.
*/}}
{{- define "glm.evaluate.spec" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $evaluate := $root.Values.evaluate -}}
{{- $bundled := and (eq $evaluate.suite "bundled") (not $evaluate.image) -}}
{{- include "glm.launcher.spec" (dict
  "root" $root
  "profile" $profile
  "verb" "evaluate"
  "image" ($bundled | ternary $profile.image $evaluate.image)
  "command" (include "glm.evaluate.words" . | fromJsonArray)
  "keys" (list "api-key")
  "wait" true
  "placed" $bundled
  "env" (include "glm.evaluate.env" $root | fromYamlArray)
  "resources" (dict "cpu" (toString $evaluate.cpu) "memory" $evaluate.memory)
  "results" $evaluate.claimName
  "judge" $evaluate.judge.secret
) -}}
{{- end -}}

{{/* Its command as a JSON list. */}}
{{- define "glm.evaluate.words" -}}
{{- $root := index . 0 -}}
{{- $evaluate := $root.Values.evaluate -}}
{{- $words := list "python3" "/glm/evaluation.py" (printf "/results/%s-$(JOB)" (index . 2))
  "python3" "/glm/launch.py" "evaluate"
  "--url" (include "glm.url" (list $root (index . 1)))
  "--model" (index . 1).served
  "--suite" $evaluate.suite
  "--concurrency" (int $evaluate.concurrency | toString)
-}}
{{- if and $evaluate.quick (eq $evaluate.suite "card") }}{{ $words = append $words "--quick" }}{{ end -}}
{{- if $evaluate.measure }}{{ $words = append $words "--measure" }}{{ end -}}
{{- with $evaluate.only }}{{ $words = concat $words (list "--only" (join "," .)) }}{{ end -}}
{{- with int $evaluate.repeats }}{{ $words = concat $words (list "--repeats" (toString .)) }}{{ end -}}
{{- range $name, $percent := $evaluate.references }}{{ $words = concat $words (list "--reference" (printf "%s=%v" $name $percent)) }}{{ end -}}
{{- with $evaluate.against }}{{ $words = concat $words (list "--against" (printf "/results/%s" .)) }}{{ end -}}
{{- range $name, $folder := $evaluate.datasets }}{{ $words = concat $words (list "--dataset" (printf "%s=/results/%s" $name $folder)) }}{{ end -}}
{{- if $evaluate.judge.url -}}
{{- $words = concat $words (list "--judge-url" $evaluate.judge.url "--judge-model" $evaluate.judge.model) -}}
{{- if $evaluate.judge.secret }}{{ $words = concat $words (list "--judge-key-file" "/run/secrets/judge/api-key") }}{{ end -}}
{{- end -}}
{{- toRawJson $words -}}
{{- end -}}

{{/* Its environment; the values' own variables win. */}}
{{- define "glm.evaluate.env" -}}
- name: JOB
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
{{- /* Questions are downloaded once for all runs on a claim. */}}
{{- range $name, $value := merge (deepCopy .Values.evaluate.env) (dict "MODELSCOPE_CACHE" "/results/downloads") }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Its Job, up to the pod's spec; takes (list . profile). */}}
{{- define "glm.evaluate.job" -}}
{{- $root := index . 0 -}}
activeDeadlineSeconds: {{ add (include "glm.rollout.seconds" .) $root.Values.evaluate.deadlineSeconds }}
{{- /* What was cut off goes on where it was; a verdict (status 1) stands. */}}
backoffLimit: 6
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - {type: DisruptionTarget, status: "True"}
    - action: FailJob
      onExitCodes: {containerName: evaluate, operator: In, values: [1]}
template:
  metadata:
    labels:
      {{- include "glm.selector" (list $root "evaluate") | nindent 6 }}
{{- end -}}
