{{/* What every pod says of its user and its image; takes (list . shared): whether its volumes' files
     become the group's. */}}
{{- define "glm.pod" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
serviceAccountName: {{ include "glm.name" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- if int $values.security.user }}
  runAsNonRoot: true
  {{- end }}
  runAsUser: {{ $values.security.user | int }}
  runAsGroup: {{ $values.security.user | int }}
  {{- if index . 1 }}
  fsGroup: {{ $values.security.user | int }}
  {{- /* Walking through the weights at every start would take minutes. */}}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where a pod goes: the servers' nodes. Takes (list . profile). */}}
{{- define "glm.placement" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $values := $root.Values -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $products := $values.gpu.products | default (index ($root.Files.Get "files/gpus.json" | fromJson) $profile.gpu) }}
{{- if and $products $values.gpu.selectByProduct }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - key: nvidia.com/gpu.product
              operator: In
              values: {{ toRawJson $products }}
{{- end }}
{{- end -}}

{{/* A container's rights: none. Takes (list . numaBinding). */}}
{{- define "glm.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ (index . 0).Values.security.readOnlyRootFilesystem }}
capabilities:
  drop: [ALL]
  {{- if index . 1 }}
  add: [SYS_NICE]
runAsUser: 0
runAsNonRoot: false
  {{- end }}
{{- end -}}

{{/* The volumes that the download needs besides the model's own; takes (list . scripts). */}}
{{- define "glm.scratch-volumes" -}}
{{- $values := (index . 0).Values -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ $values.resources.scratch }}
{{- if index . 1 }}
- name: scripts
  configMap:
    name: {{ include "glm.name" (index . 0) }}-scripts
{{- end }}
{{- if and $values.model.tokenSecret (has "model.py" (index . 1)) }}
- name: hub-token
  {{- include "glm.secret" (list (index . 0) $values.model.tokenSecret) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A Secret's volume, for security.user alone: as the group, or as root. Takes (list . name). */}}
{{- define "glm.secret" -}}
secret:
  secretName: {{ index . 1 }}
  {{- if (index . 0).Values.security.user }}
  defaultMode: 288 # 0440 to every reader of YAML
  {{- else }}
  defaultMode: 256 # 0400
  {{- end }}
{{- end -}}
