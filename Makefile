# Everything a checkout needs, from nothing: each target sets up what it uses. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

PYTHON ?= python3
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PYTHON_READY := $(VENV)/.ready
NPM_READY := node_modules/.ready
HARDWARE_READY := $(VENV)/.hardware
TYPINGS := build/typings
TYPED := host protocol hardware firmware/build.py firmware/fold.py firmware/make_glyphs.py firmware/measure_memory.py firmware/shorten.py tests
BOARD_LAYER := $(wildcard firmware/sealbox/board/esp32s3*.py firmware/sealbox/board/ds3231.py firmware/sealbox/board/pins.py)
TIDY := $(wildcard protocol firmware host hardware tests)

##@ Use it
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(PYTHON_READY) ## one request from raising to audit on a virtual box (ONCE=1: then exit; JSON=1: result as JSON; BROKER=mosquitto; LINK=serial)
	@$(BIN)/python firmware/build.py --quiet
	@$(if $(ONCE),,$(MAKE) app) # nobody stays to open the app of a demo that ends at once
	@$(BIN)/sealhost demo $(if $(BROKER),--broker $(BROKER)) $(if $(LINK),--link $(LINK)) $(if $(ONCE),--once) $(if $(JSON),--json)

setup: $(PYTHON_READY) $(NPM_READY) ## set up only: .venv, npm packages, mosquitto, postgresql, chromium
	@.ci/system-packages mosquitto postgresql chromium fonts-noto-cjk

app: $(NPM_READY) ## build the app's files into build/app (HOST_URL=https://… when another server serves them)
	@cd host/app && PATH="$(CURDIR)/$(BIN):$$PATH" HOST_URL="$(HOST_URL)" $(CURDIR)/node_modules/.bin/vite build --logLevel warn

screenshots: setup ## pictures of the app's main pages, from the running demo, in host/app/screenshots
	@$(BIN)/python firmware/build.py --quiet
	@$(MAKE) app
	@$(BIN)/python -m tests.app.screenshots host/app/screenshots

##@ Work on it
test: setup $(HARDWARE_READY) ## all tests on the real parts (PYTEST_ARGS="-k word" for some)
	@.ci/system-packages graphviz
	@$(BIN)/python firmware/build.py
	@$(BIN)/pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

check: setup $(HARDWARE_READY) $(TYPINGS)/.ready ## format, lint, types, import lines, vectors, board, cross-compilation
	$(BIN)/ruff format --check $(TIDY)
	$(BIN)/ruff check $(TIDY)
	$(BIN)/mypy $(wildcard $(TYPED))
	$(BIN)/mypy --config-file firmware/typings.toml $(BOARD_LAYER)
	$(BIN)/pytest -q tests/architecture
	$(BIN)/python protocol/vectors/generate.py --check
	$(BIN)/python protocol/definitions.py --check
	PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/tsc --project host/app
	$(BIN)/python -m hardware.generate --check
	$(BIN)/python firmware/make_glyphs.py --check
	$(BIN)/python firmware/build.py --check

format: $(PYTHON_READY) ## rewrite the sources in the project's format
	$(BIN)/ruff format $(TIDY)
	$(BIN)/ruff check --fix $(TIDY)

vectors: $(PYTHON_READY) ## write protocol/vectors and definitions.json anew
	$(BIN)/python protocol/vectors/generate.py
	$(BIN)/python protocol/definitions.py

hardware: $(HARDWARE_READY) ## check hardware/board.toml; write pin map, parts list, netlist, power budget, wiring drawings
	@.ci/system-packages graphviz
	@$(BIN)/python -m hardware.generate

screens: $(PYTHON_READY) ## pictures of the box's display in every state, from its firmware, in build/screens
	@$(BIN)/python -m tests.system.screens build/screens

bench: setup ## measure; build/bench.md and bench.json (BENCH="crypto codec" for some)
	@$(BIN)/python firmware/build.py --quiet
	@$(BIN)/python -m tests.bench $(BENCH)

soak: setup ## weeks of a box's life in MINUTES (10), power cuts and floods of many seeds; two kinds of it are in `make test`
	@$(BIN)/python firmware/build.py --quiet
	@SEALBOX_SOAK_MINUTES=$(or $(MINUTES),10) SEALBOX_SEEDS=50 $(BIN)/pytest -n 0 -s tests/system/test_box_soak.py tests/system/test_box_flood.py tests/firmware/test_use_cuts.py

fresh: ## prove demo and tests of the last commit in a bare Debian 12 (root and debootstrap; KEEP=1 leaves it)
	@.ci/fresh

lock: ## resolve requirements.lock and package-lock.json anew
	@.ci/lock

clean: ## remove the environment and everything built
	rm -rf $(VENV) node_modules build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(TIDY) -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up: each stamp is newer than what it was made from, so a second run costs nothing. An environment names its own
# place in many files, so in a checkout that was moved it is made anew.
ifneq ($(file < $(PYTHON_READY)),$(CURDIR))
$(PYTHON_READY): moved
endif

$(PYTHON_READY): requirements.lock .ci/setup-python
	@PYTHON="$(PYTHON)" .ci/setup-python $(VENV)
	@echo "$(CURDIR)" >$@

$(NPM_READY): package.json package-lock.json $(PYTHON_READY)
	@echo "Installing npm packages"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent
	@touch $@

# Netlist and drawing tools are large, and running a box or a host needs none of them.
$(HARDWARE_READY): hardware/requirements.lock $(PYTHON_READY)
	@echo "Installing the hardware's tools"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes --requirement $<
	@touch $@

# What MicroPython offers on the board, as type stubs; apart, since they would stand in for CPython's own library.
$(TYPINGS)/.ready: firmware/typings.lock $(PYTHON_READY)
	@rm -rf $(TYPINGS)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --no-deps --require-hashes --requirement $< --target $(TYPINGS)
	@touch $@

.PHONY: soak help demo app screenshots setup test check format vectors hardware screens bench fresh lock clean moved
