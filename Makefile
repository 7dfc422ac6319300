# Needs make and Python 3.11 or newer; every target makes the virtual environment it runs in.
# Override the interpreter with `make PYTHON=python3.13 test`.
PYTHON ?= python3

VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
INSTALLED := $(VENV)/.installed
# The programs graphc is compared with: PyTensor's numba pins an llvmlite of its own.
PEERS := .bench-venv
PEERS_INSTALLED := $(PEERS)/.installed
# PyTorch, whose operator samples graphc is judged by.
JUDGE := .conformance-venv
JUDGE_INSTALLED := $(JUDGE)/.installed
PYTEST := $(BIN)/pytest -n auto --maxprocesses 2

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint format fuzz sweep bench bench-env conformance clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' Makefile

venv: $(INSTALLED) ## Make .venv with graphc and its test tools (again when pyproject.toml changes)

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[tests]'
	@touch $@

demo: $(INSTALLED) ## Train a small network on scanned digits
	$(BIN)/python samples/digits.py

test: lint ## Check everything: lint, types, architecture, then the tests
	$(PYTEST)

lint: $(INSTALLED) ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED) ## Rewrite the sources in the house format and apply safe fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

fuzz: $(INSTALLED) ## Compare random graphs with NumPy for minutes
	$(PYTEST) -m long

sweep: $(INSTALLED) ## Check vector math at every float32 there is (half an hour; see docs/vector-math.md)
	$(BIN)/python -m tests.codegen.vecmath.sweep_vecmath
	$(BIN)/python -m tests.codegen.vecmath.sample_vecmath

bench: $(INSTALLED) $(PEERS_INSTALLED) ## Compare speeds with other programs (half an hour; see docs/benchmarks.md)
	@mkdir -p build
	$(BIN)/graphc bench --json build/bench.json --plot build/bench.png

bench-env: $(PEERS_INSTALLED) ## Make .bench-venv with those programs (several gigabytes)

$(PEERS_INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/$(SCRIPTS)/python benchmarks/install_peers.py
	@touch $@

conformance: $(JUDGE_INSTALLED) ## Judge every op by PyTorch's samples (minutes; see docs/conformance.md)
	$(JUDGE)/$(SCRIPTS)/python -m conformance --report docs/conformance.md

$(JUDGE_INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(JUDGE)
	$(JUDGE)/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check --editable '.[conformance]'
	@touch $@

clean: ## Remove .venv, caches and build products (.bench-venv and .conformance-venv stay)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
