{{/* What happens before the engine starts: the model is there, and the keys are in a file. */}}
{{- define "glm.server.init" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $model := index . 2 -}}
{{- if $model.download }}
-
  {{- include "glm.model.container" (append . ($model.job | ternary "wait" "download")) | nindent 2 }}
{{- end }}
{{- if $root.Values.auth.secret }}
- name: keys
  image: {{ $profile.image | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  command: {{ concat (list "python3" "/scripts/keys.py" "/run/secrets/keys" "/run/glm/keys.yaml") $profile.facts.keys | toRawJson }}
  resources:
    requests: {cpu: "1", memory: 256Mi}
    limits: {cpu: "1", memory: 256Mi}
  securityContext:
    {{- include "glm.container-security" (list $root $root.Values.security.numaBinding) | nindent 4 }}
  volumeMounts:
    - name: secret
      mountPath: /run/secrets/keys
      readOnly: true
    - name: keys
      mountPath: /run/glm
    - name: scripts
      mountPath: /scripts
      readOnly: true
{{- end }}
{{- end -}}

{{/* The server's volumes; takes (list . profile model). */}}
{{- define "glm.server.volumes" -}}
{{- $root := index . 0 -}}
{{- $shm := $root.Values.resources.sharedMemory | default (index . 1).plan.sharedMemory | default "32Gi" -}}
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ $shm }}
- name: home
  emptyDir:
    sizeLimit: {{ $root.Values.resources.scratch }}
{{ include "glm.scratch-volumes" (list $root (include "glm.scripts" (list $root (index . 2)) | fromJsonArray)) }}
{{- if (index . 2).mounted }}
{{ include "glm.model.volume" (list $root (index . 2)) }}
{{- end }}
{{- with $root.Values.auth.secret }}
- name: secret
  {{- include "glm.secret" (list $root .) | nindent 2 }}
- name: keys
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- end -}}

{{/* Where the server finds them. */}}
{{- define "glm.server.mounts" -}}
- name: shm
  mountPath: /dev/shm
- name: home
  mountPath: /home/glm
- name: tmp
  mountPath: /tmp
{{- if (index . 2).mounted }}
- name: models
  mountPath: /models
{{- end }}
{{- if (index . 0).Values.auth.secret }}
- name: keys
  mountPath: /run/glm
  readOnly: true
{{- end }}
{{- end -}}
