{{/*
The pod of one part of the load test; takes (list . profile part arguments). Not on GPU nodes: a
generator that shares the server's cores would measure itself.
*/}}
{{- define "glm.loadtest.pod" -}}
{{- $root := index . 0 -}}
{{- $profile := index . 1 -}}
{{- $test := $root.Values.loadTest -}}
metadata:
  labels:
    {{- include "glm.selector" (list $root (index . 2)) | nindent 4 }}
  annotations:
    glm-serving/run: {{ int $test.run | quote }}
    glm-serving/scenario: {{ include "glm.loadtest.scenario" (list $root $profile) | sha256sum | trunc 16 | quote }}
spec:
  {{- include "glm.pod" (list $root true) | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: locust
      image: {{ $test.image | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command:
        {{- $keyed := $root.Values.auth.secret | empty | ternary list (list "python3" "/loadtest/keyed.py" "/run/secrets/keys" "api-key") }}
        {{- range concat $keyed (list "locust" "--locustfile" "/loadtest/loadtests/locustfile.py") (index . 3) }}
        - {{ . | quote }}
        {{- end }}
      env:
        - name: HOME
          value: /tmp
        - name: PYTHONDONTWRITEBYTECODE
          value: "1"
      {{- if eq (index . 2) "loadtest" }}
      ports:
        - name: locust
          containerPort: 5557
      {{- end }}
      resources:
        requests: {cpu: {{ $test.cpu | quote }}, memory: {{ $test.memory }}}
        limits: {cpu: {{ $test.cpu | quote }}, memory: {{ $test.memory }}}
      securityContext:
        {{- include "glm.container-security" (list $root false) | nindent 8 }}
      volumeMounts:
        - name: loadtests
          mountPath: /loadtest
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- if $root.Values.auth.secret }}
        - name: secret
          mountPath: /run/secrets/keys
          readOnly: true
        {{- end }}
  volumes:
    - name: loadtests
      projected:
        sources:
          {{- include "glm.tree.source" (list $root $profile "loadtests") | nindent 10 }}
          - configMap:
              name: {{ include "glm.name" $root }}-scenario
    - name: tmp
      emptyDir:
        sizeLimit: {{ $root.Values.resources.scratch }}
    {{- with $root.Values.auth.secret }}
    - name: secret
      {{- include "glm.secret" (list $root .) | nindent 6 }}
    {{- end }}
{{- end -}}

{{/* The scenario and the profile's limits: JSON, since locust's image reads no YAML. */}}
{{- define "glm.loadtest.scenario" -}}
{{- $root := index . 0 -}}
scenario.json: {{ $root.Files.Get (printf "loadtests/scenarios/%s.yaml" $root.Values.loadTest.scenario) | fromYaml | toRawJson | toRawJson }}
limits.json: {{ dict "limits" (index . 1).limits | toRawJson | toRawJson }}
{{- range $path, $data := $root.Files.Glob "loadtests/scenarios/*.jsonl" }}
{{ base $path }}: {{ toString $data | toRawJson }}
{{- end }}
{{- end -}}
