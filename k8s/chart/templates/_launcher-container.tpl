{{/* A container of "glm.launcher.spec", without a name. */}}
{{- define "glm.launcher.container" -}}
image: {{ .image | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command:
  {{- $keyed := and .keys .root.Values.auth.secret | empty | ternary list (list "python3" "/glm/keyed.py" "/run/secrets/keys" (join "," .keys)) }}
  {{- range concat $keyed .command }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: HOME
    value: /tmp
  - name: PYTHONDONTWRITEBYTECODE
    value: "1"
  {{- /* An engine's image asks for every GPU, and NVIDIA's runtime would hand them over unclaimed. */}}
  - name: NVIDIA_VISIBLE_DEVICES
    value: void
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  requests: {{ toRawJson .resources }}
  limits: {{ toRawJson .resources }}
securityContext:
  {{- include "glm.container-security" (list .root false) | nindent 2 }}
volumeMounts:
  - name: launcher
    mountPath: /glm
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- if and .keys .root.Values.auth.secret }}
  - name: secret
    mountPath: /run/secrets/keys
    readOnly: true
  {{- end }}
  {{- if .judge }}
  - name: judge
    mountPath: /run/secrets/judge
    readOnly: true
  {{- end }}
  {{- if hasKey . "results" }}
  - name: results
    mountPath: /results
  {{- end }}
{{- end -}}
