# The whole developer loop. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
# Where a CPU build of torch comes from if the configured index has none.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell grep -o '^torch==[^ ]*' requirements/cpu.txt)
BIN := .venv/bin
READY := .venv/.ready
DOCS := .venv-docs
PIP := $(BIN)/pip install -q --disable-pip-version-check --no-deps

Q ?= What is 564 - 118 + 172 + 119 + 109 - 774 + 622 + 269 - 780?
ARGS ?=

.PHONY: help setup run test check lint type bench docs miniature lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10
	@echo
	@echo 'make run Q="How many primes are below 50?" ARGS="--paths 6 --router hybrid"'

setup: $(READY)  ## make .venv: the pinned CPU environment and the embedded model (once, some minutes)

$(READY): requirements/cpu.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed; set PYTHON=")'
	@echo "Setting up .venv: about 1 GB to fetch, a few minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# Without its dependencies each: two of them would bring CUDA builds that break the CPU build of torch.
	@$(PIP) '$(TORCH)' 2>/dev/null \
	  || $(PIP) '$(TORCH)' --index-url $(TORCH_INDEX)
	@$(PIP) -r requirements/cpu.txt
	@$(PIP) -e .
	@$(BIN)/peerleap models --prepare >/dev/null
	@touch $@

run: $(READY)  ## answer a question: make run Q="..." [ARGS="--paths 6"]
	@$(BIN)/peerleap ask $(ARGS) -- "$$QUESTION"
run: export QUESTION := $(value Q)

test: $(READY)  ## all tests, those on the real engine too [ARGS="-n 2": on two cores at once]
	$(BIN)/pytest $(ARGS)

check: $(READY) lint type  ## before a commit: lint, types, and every test that needs no real engine
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

lint: $(READY)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(READY)  ## mypy, strict; pyright, basic
	$(BIN)/mypy
	$(BIN)/basedpyright --level error

bench: $(READY)  ## measure; prints a table, writes bench.json [ARGS="graph leap"]
	$(BIN)/python tests/bench/run.py $(ARGS)

miniature: $(READY)  ## train the miniature from nothing, an hour or two on two cores [ARGS="--seed 1"]
	$(BIN)/peerleap train miniature --out miniature $(ARGS)

docs: $(DOCS)/.ready  ## the site of docs/ and of the docstrings, in site/; a warning is an error
	@$(DOCS)/bin/zensical build --strict --clean > $(DOCS)/log 2>&1; status=$$?; cat $(DOCS)/log; \
	  ! grep -q '^griffe:' $(DOCS)/log && exit $$status

$(DOCS)/.ready: requirements/docs.txt
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/pip install -q --disable-pip-version-check --no-deps -r requirements/docs.txt
	@touch $@

lock:  ## pin requirements/ anew (needs `pip install uv`, and an index with a CPU build of torch)
	uv pip compile pyproject.toml --extra cpu --extra sandbox --extra monty --extra search --extra web --extra evals \
	  --extra plots --extra serve --extra postgres --extra encryption --extra train --group dev \
	  --override requirements/overrides.txt --python-version 3.11 --no-annotate --no-header -o requirements/cpu.txt
	uv pip compile --group docs --python-version 3.11 --no-annotate --no-header -o requirements/docs.txt

clean:  ## remove .venv and caches; the embedded model stays in the user's cache folder
	rm -rf .venv $(DOCS) site build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
