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
  {{- $wait := list "python3" "/loadtest/wait.py" "/loadtest/rollout.json" (printf "%s-rollout" (include "glm.name" $root)) (include "glm.url" (list $root $profile)) }}
  initContainers:
    - name: wait
      {{- include "glm.loadtest.container" (list $root $wait) | nindent 6 }}
  containers:
    - name: locust
      {{- $keyed := $root.Values.auth.secret | empty | ternary list (list "python3" "/loadtest/keyed.py" "/run/secrets/keys" "api-key") }}
      {{- include "glm.loadtest.container" (list $root (concat $keyed (list "locust" "--locustfile" "/loadtest/loadtests/locustfile.py") (index . 3))) | nindent 6 }}
      {{- if eq (index . 2) "loadtest" }}
      ports:
        - name: locust
          containerPort: 5557
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

{{/* A container in locust's image, without a name; takes (list . command). */}}
{{- define "glm.loadtest.container" -}}
{{- $root := index . 0 -}}
{{- $test := $root.Values.loadTest -}}
image: {{ $test.image | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command:
  {{- range index . 1 }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: HOME
    value: /tmp
  - name: PYTHONDONTWRITEBYTECODE
    value: "1"
resources:
  requests: {cpu: {{ $test.cpu | quote }}, memory: {{ $test.memory }}}
  limits: {cpu: {{ $test.cpu | quote }}, memory: {{ $test.memory }}}
securityContext:
  {{- include "glm.container-security" (list $root false) | nindent 2 }}
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
