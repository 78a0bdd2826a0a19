# The targets that people and CI use. `make help` lists them.
#
# Everything is installed into .venv from lock files with hashes; a stamp beside each makes a second
# run take no time. The demo needs base and aggregator alone, the tests need the dev tools too.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

# Tests start thousands of processes, none of which needs to compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --no-input --disable-pip-version-check  # errors alone

# ARGS go to the program that the target runs: make demo ARGS="--break udp", make test ARGS="tests/wire -x"
ARGS ?=
# SIGNING_KEY is an Ed25519 key, PEM, that signs a release: make release SIGNING_KEY=~/coalmine.key
SIGNING_KEY ?=
# BENCH=full runs the benchmarks at their full length.
BENCH ?= quick
BENCHMARKS := $(patsubst benchmarks/%.py,%,$(shell grep -l '^if __name__ == "__main__":' benchmarks/*.py 2>/dev/null))

.PHONY: help install develop servers demo check test prove bench release deb lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.installed ## a .venv with all that runs: agent, aggregator, demo
	@:

develop: $(VENV)/.developed ## the same with the tools that check and test
	@:

$(BIN)/pip:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed; name it with PYTHON=...' >&2; exit 1; }
	@echo "creating $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml requirements/aggregator.txt requirements/build.txt hatch_build.py \
    aggregator/coalmine_aggregator/web/npm/package-lock.json | $(BIN)/pip
	@echo 'installing what the agent and the aggregator need'
	@$(PIP) install --require-hashes -r requirements/aggregator.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developed: pyproject.toml requirements/dev.txt $(VENV)/.installed
	@echo 'installing the tools that check and test'
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# What judges and runs deploy/: 370 MB that no other test needs.
$(VENV)/.judged: requirements/deploy.txt $(VENV)/.developed
	@echo 'installing the tools that judge what is in deploy'
	@$(PIP) install --require-hashes -r requirements/deploy.txt
	@touch $@

servers: ## the Debian packages of the real servers that the tests run against
	@bash tests/apt/install.sh tests/apt/packages.txt

demo: install ## the main job on this machine: a fleet, a service, an aggregator (ARGS="--break udp")
	@$(BIN)/coalmine demo $(ARGS)

check: develop ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy agent aggregator tests benchmarks release
	@$(BIN)/lint-imports

# Most tests fill the cores or wait; those marked `timed` come after them, with cores to spare. A part that
# has nothing to run (status 5) is no failure, unless the other has nothing either. What fails gets another go, what
# is held to the clock two, and the summary says so: a machine that stalls is no fault of what it tests.
PARTS = failed=0; ran=0; \
	part() { $(BIN)/pytest "$$@" $(ARGS) && ran=1 || { [ $$? = 5 ] || { ran=1; failed=1; }; }; }
PARTS_END = exit $$((failed || !ran))

test: servers check ## every check and test, against real servers
	@$(PARTS); \
	part -n 4 --dist worksteal --reruns 1 -m 'not prove and not timed'; \
	part -n 3 --dist worksteal --reruns 2 -m 'timed and not prove'; \
	$(PARTS_END)

# A file's proofs build on each other, so a process takes whole files, in the order in which they are collected.
PROOFS := --dist loadfile --no-loadscope-reorder
prove: $(VENV)/.judged servers ## the longer proofs
	@$(PARTS); \
	part -n 2 $(PROOFS) --reruns 1 -m 'prove and not timed'; \
	part -n 2 $(PROOFS) --reruns 2 -m 'prove and timed'; \
	$(PARTS_END)

bench: develop servers ## all benchmarks, checked against the numbers to reach (BENCH=full)
	@failed=; for name in $(BENCHMARKS); do echo "== $$name"; \
	  $(BIN)/python -m benchmarks.$$name $(if $(filter full,$(BENCH)),,--quick) --check $(ARGS) || failed="$$failed $$name"; \
	done; if [ -n "$$failed" ]; then echo "falls short:$$failed" >&2; exit 1; fi

# Both are of the newest commit, whatever else lies in this folder.
release: develop ## all of a release in dist/, the same bytes for the same commit (SIGNING_KEY=FILE)
	@bash tests/apt/install.sh deploy/debian/build-packages.txt
	@$(BIN)/python -m release all $(if $(SIGNING_KEY),--key '$(SIGNING_KEY)') $(ARGS)

deb: install ## the Debian package alone in dist/, for the Debian that builds it
	@bash tests/apt/install.sh deploy/debian/build-packages.txt
	@$(BIN)/python -m release deb $(ARGS)

lock: | $(BIN)/pip ## write the lock files anew from pyproject.toml (LOCK=--upgrade takes newer versions)
	@[ -x $(BIN)/uv ] || $(PIP) install uv
	@compile() { out=$$1; shift; $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make lock' $(LOCK) "$$@" --output-file "requirements/$$out"; }; \
	compile dev.txt pyproject.toml requirements/build.in --extra dev; \
	compile aggregator.txt pyproject.toml --extra aggregator --constraints requirements/dev.txt; \
	compile base.txt pyproject.toml --constraints requirements/dev.txt; \
	compile deploy.txt pyproject.toml --extra deploy --constraints requirements/dev.txt; \
	compile build.txt requirements/build.in --constraints requirements/dev.txt

clean: ## remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist var
