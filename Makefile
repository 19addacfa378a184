# The two commands of the README are `make serve` and `make test`; both build what they need.
SHELL := bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
ARGS ?=

# Written last, so that an installation that was cut off starts anew.
INSTALLED := $(VENV)/.installed

.PHONY: help serve test install lint format generate lock bench train clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

serve: $(INSTALLED) ## serve the embedded smoke model with the real engine (ARGS="--port 30001")
	@exec $(BIN)/python launch.py --profile cpu $(ARGS)

test: $(INSTALLED) lint ## lint, types and every test, the real engine's included
	@$(BIN)/python -m pytest $(ARGS)

install: $(INSTALLED) ## build the environment in .venv: about 3 minutes and 3 GB

$(INSTALLED): pyproject.toml requirements/cpu.txt requirements/cpu-engine.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; fix: apt-get install python3.11-venv, or make PYTHON=python3.12 ..."; exit 2; }
	rm -f $@
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/cpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/cpu-engine.txt -e .
	touch $@

lint: $(INSTALLED) ## formatting, lint and types
	@$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

format: $(INSTALLED) ## format the code
	@$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

generate: $(INSTALLED) ## write what is derived: option catalogue, JSON Schema, README's table
	@$(BIN)/python -m deploy.engines.generate sglang
	$(BIN)/python -m deploy.generate

lock: ## pin every package anew from requirements/*.in
	@bash requirements/lock.sh $(PYTHON)

bench: $(INSTALLED) ## measure the launcher against the bare engine
	@$(BIN)/python benchmarks/launcher.py $(ARGS)

train: $(INSTALLED) ## train the smoke model anew into build/smoke (wants a GPU)
	@$(BIN)/python -m deploy.cpu.smoke.train --out build/smoke $(ARGS)
	$(BIN)/python -m deploy.cpu.smoke.finish --from build/smoke --out build/smoke

clean: ## remove the environment and what was built
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
