"""The embedded default: SGLang on a CPU without a GPU, serving a model of a few megabytes."""
