{{/* "true" where a pod runs launch.py. */}}
{{- define "glm.launcher.wanted" -}}
{{- if or .Values.verify.enabled .Values.evaluate.enabled .Values.evaluate.afterRollout }}true{{ end -}}
{{- end -}}

{{/*
The pod of a verb of launch.py. Takes a dictionary: root, profile, verb, image, command and keys (the
options that it takes as files); optional are wait (a rollout's servers come first), placed (on the
servers' nodes, which have the engine's image), env, resources, results (a claim's name, or empty),
judge (a Secret's name).
*/}}
{{- define "glm.launcher.spec" -}}
{{- $name := include "glm.name" .root -}}
{{- /* launch.py refuses a key file of its own user's that a group may read: root owns a Secret's. */ -}}
{{- include "glm.pod" (list .root (int .root.Values.security.user)) }}
{{- if .placed }}
{{- include "glm.placement" (list .root .profile) }}
{{- end }}
restartPolicy: Never
{{- if .wait }}
initContainers:
  - name: wait
    {{- $words := list "python3" "/glm/wait.py" "/glm/rollout.json" (printf "%s-rollout" $name) (include "glm.url" (list .root .profile)) }}
    {{- include "glm.launcher.container" (set (omit . "keys" "judge" "results" "env") "command" $words) | nindent 4 }}
{{- end }}
containers:
  - name: {{ .verb }}
    {{- include "glm.launcher.container" . | nindent 4 }}
volumes:
  - name: launcher
    projected:
      sources:
        {{- include "glm.tree.source" (list .root .profile "launcher") | nindent 8 }}
        {{- include "glm.tree.source" (list .root .profile .verb) | nindent 8 }}
  - name: tmp
    emptyDir:
      sizeLimit: {{ .root.Values.resources.scratch }}
  {{- if .root.Values.auth.secret }}
  - name: secret
    {{- include "glm.secret" (list .root .root.Values.auth.secret) | nindent 4 }}
  {{- end }}
  {{- with .judge }}
  - name: judge
    {{- include "glm.secret" (list $.root .) | nindent 4 }}
  {{- end }}
  {{- if hasKey . "results" }}
  - name: results
    {{- if .results }}
    persistentVolumeClaim:
      claimName: {{ .results }}
    {{- else }}
    emptyDir:
      sizeLimit: {{ .root.Values.resources.scratch }}
    {{- end }}
  {{- end }}
{{- end -}}
