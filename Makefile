# The two commands of the README are `make serve` and `make test`; both build what they need.
SHELL := bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
ARGS ?=

# vLLM has an environment of its own: the engines want different versions of the same packages.
VLLM_VENV := .venv-vllm
# evalscope brings 125 packages, which nothing that serves should have to agree with.
EVALUATE_VENV := .venv-evaluate

# checkov wants other versions than the engines, too.
CHECKOV_VENV := .venv-checkov

# In the engine's image, python3; elsewhere an environment of requirements/gpu.in.
GPU_PYTHON ?= python3

# Written last, so that an installation that was cut off starts anew.
INSTALLED := $(VENV)/.installed
VLLM_INSTALLED := $(VLLM_VENV)/.installed
EVALUATE_INSTALLED := $(EVALUATE_VENV)/.installed
CHECKOV_INSTALLED := $(CHECKOV_VENV)/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: help serve loadtest install-peers bench-load bench-load-scale test test-vllm test-evaluate test-gpu audit install install-vllm install-evaluate lint format generate verify lock bench train clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

serve: $(INSTALLED) ## serve the embedded smoke model with the real engine (ARGS="--port 30001")
	@exec $(BIN)/python launch.py --profile cpu $(ARGS)

test: $(INSTALLED) lint ## lint, types and every test, the real engine's included
	@$(BIN)/python -m pytest $(ARGS)

test-vllm: $(VLLM_INSTALLED) ## the tests that need the real vLLM, on the CPU
	@$(VLLM_VENV)/bin/python -m pytest -m vllm tests/vllm $(ARGS)

loadtest: $(INSTALLED) ## load-test a running server (ARGS="--host http://... --scenario smoke")
	@exec $(BIN)/locust -f loadtests/locustfile.py --headless $(ARGS)

test-evaluate: $(INSTALLED) $(EVALUATE_INSTALLED) ## the tests that need the real evalscope, on the CPU
	@$(BIN)/python -m pytest -m harness tests/evaluate tests/chart/test_evaluate.py $(ARGS)

test-gpu: ## the mini model on this host's GPU, and a report (GPU_PYTHON: one with the engine)
	@$(GPU_PYTHON) -m pytest -m gpu -s tests/gpu $(ARGS)

audit: $(INSTALLED) $(CHECKOV_INSTALLED) ## judge the Helm chart's manifests with checkov
	@$(BIN)/python -m pytest -m checkov tests/chart/test_audit.py $(ARGS)

$(CHECKOV_INSTALLED): requirements/checkov.txt
	@$(call need-python)
	rm -f $@
	test -x $(CHECKOV_VENV)/bin/python || $(PYTHON) -m venv $(CHECKOV_VENV)
	$(CHECKOV_VENV)/bin/python $(PIP_INSTALL) --no-deps -r requirements/checkov.txt
	touch $@

install: $(INSTALLED) ## build the environment in .venv: about 3 minutes and 3 GB

$(INSTALLED): pyproject.toml requirements/cpu.txt requirements/cpu-engine.txt
	@$(call need-python)
	rm -f $@
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -r requirements/cpu.txt
	$(BIN)/python $(PIP_INSTALL) --no-deps -r requirements/cpu-engine.txt -e .
	touch $@

install-vllm: $(VLLM_INSTALLED) ## build vLLM's environment in .venv-vllm: about 4 minutes and 4 GB

$(VLLM_INSTALLED): pyproject.toml requirements/vllm.txt requirements/vllm-name/pyproject.toml
	@$(call need-python)
	rm -f $@
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python $(PIP_INSTALL) --no-deps -r requirements/vllm.txt
	$(VLLM_VENV)/bin/python $(PIP_INSTALL) --no-deps ./requirements/vllm-name -e .
	touch $@

install-evaluate: $(EVALUATE_INSTALLED) ## build evalscope's environment in .venv-evaluate: 2 minutes and 1.2 GB

$(EVALUATE_INSTALLED): requirements/evaluate.txt
	@$(call need-python)
	rm -f $@
	test -x $(EVALUATE_VENV)/bin/python || $(PYTHON) -m venv $(EVALUATE_VENV)
	$(EVALUATE_VENV)/bin/python $(PIP_INSTALL) --no-deps -r requirements/evaluate.txt
	touch $@

define need-python
command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; fix: apt-get install python3.11-venv, or make PYTHON=python3.12 ..."; exit 2; }
endef

lint: $(INSTALLED) ## formatting, lint and types
	@$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

format: $(INSTALLED) ## format the code
	@$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

generate: $(INSTALLED) ## write what is derived: option catalogue, JSON Schema, tables, chart, examples
	@$(BIN)/python -m deploy.engines.generate sglang
	test ! -e $(VLLM_INSTALLED) || $(VLLM_VENV)/bin/python -m deploy.engines.generate vllm
	$(BIN)/python -m deploy.generate
	$(BIN)/python -m deploy.chart.generate

verify: generate ## is everything current that is derived? Writes it anew, and fails on a difference
	@git diff --exit-code --stat

lock: ## pin every package anew from requirements/*.in
	@bash requirements/lock.sh $(PYTHON)

bench: $(INSTALLED) ## measure the launcher against the bare engine
	@$(BIN)/python benchmarks/launcher.py $(ARGS)

# Each peer wants versions of its own: 7 GB (torch with CUDA) and 3 minutes together.
PEERS := build/peers
install-peers: ## install the load generators that ours is compared with
	@$(call need-python)
	for peer in guidellm==0.8.1 genai-bench==0.0.5; do
		folder=$(PEERS)/$${peer%%==*}
		test -x $$folder/bin/python || $(PYTHON) -m venv $$folder
		$$folder/bin/python $(PIP_INSTALL) $$peer
	done

bench-load: $(INSTALLED) ## measure our load generator beside stock locust and installed peers
	@$(BIN)/python -m benchmarks.load_generators --peers $(PEERS) $(ARGS)

bench-load-scale: $(INSTALLED) ## measure how many streams our load generator holds
	@$(BIN)/python -m benchmarks.load_scale $(ARGS)

train: $(INSTALLED) ## train the smoke model anew into build/smoke (wants a GPU)
	@$(BIN)/python -m deploy.cpu.smoke.train --out build/smoke $(ARGS)
	$(BIN)/python -m deploy.cpu.smoke.finish --from build/smoke --out build/smoke

clean: ## remove the environment and what was built
	rm -rf $(VENV) $(VLLM_VENV) $(EVALUATE_VENV) $(CHECKOV_VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
