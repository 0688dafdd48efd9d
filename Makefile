# Chores. `make help` lists them. They use .venv; another Python: `make test PYTHON=python3.12`.

PYTHON ?= .venv/bin/python
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help venv ci test lint format doctest kernels docs wheel changelog bench

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:  ## Make .venv with everything a contributor needs
	python3 -m venv .venv
	.venv/bin/python -m pip install -q -e '.[dev]'

ci:  ## Everything that decides about a change, on clean environments
	.ci/run

test:  ## Run the tests
	$(PYTHON) -m pytest

lint:  ## Style, types, arrows between rooms, fragments, benchmarks
	.ci/run lint

format:  ## Put the code into its canonical form
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

doctest:  ## Run the examples of all docstrings
	.ci/run doctests

kernels:  ## Run the kernel tests with bounds checked, and the pages without compiling
	.ci/run kernels

docs:  ## Build the site into docs/_build/html, warnings are errors
	.ci/run docs

wheel:  ## Build the wheel into dist/ and look into it
	.ci/run wheel

changelog:  ## Show what the fragments say about the next release
	$(PYTHON) -m towncrier build --draft --version next

bench:  ## Run every benchmark once, quickly, on this checkout
	@$(PYTHON) -m asv machine --yes --config benchmarks/asv.conf.json >/dev/null
	$(PYTHON) -m asv run --config benchmarks/asv.conf.json --environment existing:$(PYTHON) --quick --show-stderr
