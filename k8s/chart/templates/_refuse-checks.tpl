{{/* Contradictions among the values of verify and evaluate, as a JSON list; takes the values. */}}
{{- define "glm.refuse.checks" -}}
{{- $evaluate := .evaluate -}}
{{- $faults := list -}}
{{- if and .verify.afterRollout (not .verify.enabled) -}}
{{- $faults = append $faults "verify.afterRollout: verify.enabled is false, so there is nothing to run" -}}
{{- end -}}
{{- if or $evaluate.enabled $evaluate.afterRollout -}}
{{- if and (eq $evaluate.suite "card") (not $evaluate.image) -}}
{{- $faults = append $faults "evaluate.image: evalscope is not in the engine's image; build k8s/evaluate/Dockerfile and name what it made, or take evaluate.suite=bundled" -}}
{{- end -}}
{{- if and (eq $evaluate.suite "card") (not $evaluate.quick) (not $evaluate.only) -}}
{{- $faults = append $faults "evaluate.only: name the benchmarks: scicode needs Docker, which no pod here has" -}}
{{- end -}}
{{- if has "scicode" $evaluate.only -}}
{{- $faults = append $faults "evaluate.only: scicode runs programs in Docker, which no pod here has" -}}
{{- end -}}
{{- if and (has "aa_lcr" $evaluate.only) (not $evaluate.judge.url) -}}
{{- $faults = append $faults "evaluate.judge.url: aa_lcr is graded by a language model; name one, or leave aa_lcr out" -}}
{{- end -}}
{{- if and $evaluate.judge.url (not $evaluate.judge.model) -}}
{{- $faults = append $faults "evaluate.judge.model: name the model behind evaluate.judge.url" -}}
{{- end -}}
{{- if and (eq $evaluate.suite "bundled") $evaluate.only -}}
{{- $faults = append $faults "evaluate.only: the suite bundled is one benchmark; leave it out" -}}
{{- end -}}
{{- if not (or (eq $evaluate.suite "card") $evaluate.references $evaluate.against $evaluate.measure) -}}
{{- $faults = append $faults "evaluate.references: nothing is published to compare bundled with; give evaluate.references.bundled=95, evaluate.against, or evaluate.measure" -}}
{{- end -}}
{{- if and (or $evaluate.against $evaluate.datasets) (not $evaluate.claimName) -}}
{{- $faults = append $faults "evaluate.claimName: evaluate.against and evaluate.datasets are folders of a claim; name it" -}}
{{- end -}}
{{- end -}}
{{- toRawJson $faults -}}
{{- end -}}
