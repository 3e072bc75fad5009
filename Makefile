# From a fresh clone: `make demo` sets everything up and shows it at work, `make test` proves it.
# Needs Python 3.11 or newer, make, and a package index. Everything is installed into .venv.

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/ready
# The first of these that is new enough is used; `make PYTHON=/path/to/python3` chooses another.
PYTHON ?= $(firstword $(foreach one,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	command -v $(one) >/dev/null 2>&1 && $(one) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $(one))))

SECONDS ?= 300
SEEDS   ?= 20000
STORES  ?= postgres sqlite
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-quick chaos clean

help:
	@echo "make demo    set up, bring a system up, run real commands, break things, check every ending"
	@echo "make test    set up and run the whole test suite (ARGS='-k feed' for some of it)"
	@echo "make check   formatting, lint, types, import directions"
	@echo "make bench   the benchmarks, peers included; make bench-quick is a short run"
	@echo "make chaos   play SEEDS=20000, then kill, flush and freeze for SECONDS=300 on each of" \
		"STORES='postgres sqlite'"
	@echo "make setup   only the set-up"

setup: $(READY)

# The stamp is written last, so a set-up that was broken off is begun again.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer was found; install one," \
		"or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error:" \
		"$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) cannot make" \
		"virtual environments; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY)
	$(BIN)/orchestrator demo $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -W error $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -W error -q tests/house

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(READY)
	$(BIN)/python -m benchmarks --quick $(ARGS)

chaos: $(READY)
	$(BIN)/python -m tests.simulation --count $(SEEDS)
	@set -e; for store in $(STORES); do \
		$(BIN)/python -m tests.chaos --seconds $(SECONDS) --store $$store $(ARGS); done

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
