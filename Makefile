# The commands of this project. `make` alone lists them. All the work is in tools/; this file only names it.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run check test gen fmt lint types unit check-web web-types web-test web weights bench lock wheel clean

# A Python to start with, 3.11 or newer: `make PYTHON=python3.13 run` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
SETUP := $(PYTHON) tools/setup.py
# Processes that `make test` runs tests in; a file's tests stay together.
JOBS ?= 2
BIN := .venv/bin

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## install what is missing and start Fireside; ARGS="--port 9000" passes flags on
	@$(SETUP) run -- $(ARGS)
	@exec $(BIN)/fireside serve $(ARGS)

check: ## lint, types, house rules, unit tests, web type check and unit tests: under a minute
	@$(SETUP) dev
	@$(MAKE) -k -j2 --output-sync=target web-test web-types unit types lint

test: ## everything, the end-to-end tests in a browser included; ARGS="-k resume" passes flags to pytest
	@$(SETUP) test
	@status=0; \
	$(MAKE) -k -j2 --output-sync=target web-test web-types types lint || status=1; \
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS) || status=1; \
	exit $$status

lint: ## ruff and the formatter's check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: ## pyright, strict on src/
	@$(BIN)/pyright --project pyproject.toml

unit: ## house rules and unit tests
	@$(BIN)/pytest -q -m "not slow" tests/house tests/unit

check-web: web-types web-test ## both checks of the web app, web-types and web-test

web-types: ## the web app's type check
	@$(SETUP) npm run --silent check

web-test: ## the web app's unit tests
	@$(SETUP) npm test --silent

gen: ## regenerate the code from proto/ and the reference pages from the settings
	@$(SETUP) dev
	@$(BIN)/python tools/gen.py
	@$(BIN)/python tools/reference.py

fmt: ## format the code and apply the linter's safe fixes
	@$(SETUP) dev
	@$(BIN)/ruff check --fix --quiet --exit-zero .
	@$(BIN)/ruff format .

web: ## build the web bundle into web/dist
	@$(SETUP) web

weights: ## install the embedded model's engine and weights, trying again if that failed before
	@$(SETUP) weights

bench: ## measure streamed answers with the floor beside them; ARGS="--concurrency 1,1000" passes flags on
	@$(SETUP) dev
	@$(BIN)/fireside bench stream $(ARGS)

lock: ## resolve pyproject.toml into requirements/ again; ARGS=--upgrade takes newer versions
	@$(PYTHON) tools/lock.py $(ARGS)

wheel: ## build a wheel with the web bundle inside into dist/
	@$(SETUP) web
	@$(SETUP) uv build --wheel --build-constraints requirements/build.txt --out-dir dist

clean: ## remove everything that was built or installed here (conversations are kept: they live elsewhere)
	@rm -rf .venv .venv-tools dist web/dist web/node_modules .pytest_cache .ruff_cache .hypothesis .import_linter_cache
