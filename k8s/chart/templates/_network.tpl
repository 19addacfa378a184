{{/* Egress rules: names and the hub where asked for, and what the values add; takes (list . hub). */}}
{{- define "glm.egress" -}}
{{- if index . 1 }}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- ports:
    - {port: 443, protocol: TCP}
{{- end }}
{{- with (index . 0).Values.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
