# One place for what people and the continuous integration call. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
ACCELERATOR ?= cpu
CONFIG ?= configs/local.yaml
# A CSV in the form of ../shared/data/shops/shops.csv.gz; empty means the generated sample workbook.
SHOPS ?=
BIN := $(VENV)/bin
NAVIYAM := $(BIN)/naviyam --config $(CONFIG)
NAVIYAM_LOOP := $(BIN)/naviyam --config configs/loop.yaml
PYTEST := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/pytest
SHOPS_OPTION = $(if $(SHOPS),--shops $(SHOPS))

export VENV ACCELERATOR

.PHONY: help setup ready debian lock lint test test-fast test-ray test-llm demo loop up down bench clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-10s %s\n", $$1, $$2}'

setup: ## make .venv with every package pinned (ACCELERATOR=gpu on a machine with a GPU)
	@scripts/setup.sh

ready:
	@scripts/setup.sh --if-needed

debian: ## Chromium and promtool for the tests, from Debian's packages where this user may install them
	@scripts/debian.sh

lock: ready ## write requirements/cpu.lock from what .venv holds
	@scripts/lock.sh

lint: ready ## ruff, mypy strict, import contracts
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-fast: ready debian ## tests without Ray and without the language model (under 2 minutes)
	$(PYTEST) -n 2 --dist loadfile -m "not ray and not llm and not mlflow and not slow"

test-ray: ready debian ## tests on a local Ray session, over a real MLflow store, and slow ones
	$(PYTEST) -m "(ray or mlflow or slow) and not llm"

test-llm: ready ## tests with the real language model; threads are its own affair
	env -u OMP_NUM_THREADS TOKENIZERS_PARALLELISM=false $(BIN)/pytest -m llm

test: lint test-fast test-ray test-llm ## everything the continuous integration runs (under 20 minutes on two cores)

demo: ready ## set up, bootstrap, start, ask five questions, stop (SHOPS=path for real shops)
	$(NAVIYAM) demo $(SHOPS_OPTION)

loop: ready ## the learning loop once: simulated children, training, evaluation, promotion (SHOPS=path for real shops)
	$(NAVIYAM_LOOP) loop $(SHOPS_OPTION)

up: ready ## start Ray and the application and leave them running (SHOPS=path for real shops)
	$(NAVIYAM) up $(SHOPS_OPTION)

down: ## stop what `make up` started
	$(NAVIYAM) down

bench: ## load figures of the running service
	$(NAVIYAM) bench serve

clean: ## remove caches and build leftovers; .venv and .naviyam (the data) stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find naviyam cluster deployments training tests -name __pycache__ -type d -prune -exec rm -rf {} +
