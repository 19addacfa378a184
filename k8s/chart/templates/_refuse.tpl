{{/* What the schema cannot say: every contradiction between values at once, each with its name. */}}
{{- define "glm.refuse" -}}
{{- $values := .Values -}}
{{- $faults := list -}}
{{- $storage := $values.model.storage -}}
{{- $profile := include "glm.profile" . | fromJson -}}
{{- $model := include "glm.model" (list . $profile) | fromJson -}}
{{- if gt $profile.nodes 1.0 -}}
{{- $faults = append $faults "profile: hardware.nodes is more than 1; this chart starts a server on one node" -}}
{{- end -}}
{{- if and $values.customProfile (not $values.resources.memory) -}}
{{- $faults = append $faults "resources.memory: give it along with customProfile; `launch.py plan` and values.yaml say how much" -}}
{{- end -}}
{{- if and $values.customProfile (not (int $values.probes.startupSeconds)) -}}
{{- $faults = append $faults "probes.startupSeconds: give it along with customProfile; see startup.probe_seconds of `launch.py plan --json`" -}}
{{- end -}}
{{- if and $values.customProfile $model.mounted (eq $storage.kind "claim") (not $storage.size) -}}
{{- $faults = append $faults "model.storage.size: give it along with customProfile, room for the checkpoint and compiled kernels" -}}
{{- end -}}
{{- if and $model.mounted (eq $storage.kind "existing") (not $storage.claimName) -}}
{{- $faults = append $faults "model.storage.claimName: name your claim, or take kind claim" -}}
{{- end -}}
{{- if and $model.mounted (eq $storage.kind "host") (not $storage.hostPath) -}}
{{- $faults = append $faults "model.storage.hostPath: name the directory of the nodes" -}}
{{- end -}}
{{- if and $model.mounted (eq $storage.kind "claim") (eq $storage.accessMode "ReadWriteOnce") (or (gt (int $values.replicas) 1) (int $values.update.maxSurge)) -}}
{{- $faults = append $faults "model.storage.accessMode: several servers need ReadWriteMany, or storage of kind host" -}}
{{- end -}}
{{- range tuple "hicache-size" "hicache-ratio" "enable-hierarchical-cache" -}}
{{- if and (hasKey $values.engine.args .) (not $values.resources.memory) -}}
{{- $faults = append $faults (printf "resources.memory: engine.args.%s changes the host memory that the plan knew; give what `launch.py plan` with the same --set says" .) -}}
{{- end -}}
{{- end -}}
{{- if or (lt $profile.port 1.0) (gt $profile.port 65535.0) -}}
{{- $faults = append $faults (printf "engine.args.port: %v is no port" $profile.port) -}}
{{- end -}}
{{- if has $values.engine.args.host (list "127.0.0.1" "localhost" "::1") -}}
{{- $faults = append $faults "engine.args.host: nobody reaches a pod at its own loopback; leave it out" -}}
{{- end -}}
{{- if and $values.engine.version (not $values.engine.image) -}}
{{- $faults = append $faults "engine.version: the image holds another version; give engine.image along with it" -}}
{{- end -}}
{{- if and (eq $values.update.strategy "Recreate") (int $values.update.maxSurge) -}}
{{- $faults = append $faults "update.maxSurge: Recreate starts nothing beyond replicas; use RollingUpdate" -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.host) -}}
{{- $faults = append $faults "ingress.host: give the name that clients use" -}}
{{- end -}}
{{- if and $values.httpRoute.enabled (not $values.httpRoute.parentRefs) -}}
{{- $faults = append $faults "httpRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled (or $values.ingress.enabled $values.httpRoute.enabled) (not $values.networkPolicy.gateways) -}}
{{- $faults = append $faults "networkPolicy.gateways: say which pods the ingress controller or gateway has, or its traffic is refused" -}}
{{- end -}}
{{- if and $values.loadTest.enabled (not (.Files.Get (printf "loadtests/scenarios/%s.yaml" $values.loadTest.scenario))) -}}
{{- $faults = append $faults (printf "loadTest.scenario: there is no loadtests/scenarios/%s.yaml" $values.loadTest.scenario) -}}
{{- end -}}
{{- $faults = concat $faults (include "glm.refuse.checks" $values | fromJsonArray) -}}
{{- if $faults -}}
{{- fail (printf "\n  %s" ($faults | uniq | join "\n  ")) -}}
{{- end -}}
{{- end -}}
