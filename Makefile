# Plain pip in a .venv; nothing is assumed but Python >= 3.11 and, for speed, a C++ compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STORE ?= results/local
RUNS ?= 1

.PHONY: run quick report test check setup data clean

run: setup data  ## train airbench94-muon, then report
	$(BIN)/bench run airbench94-muon --runs $(RUNS) --store $(STORE)
	$(BIN)/bench report --store $(STORE)

quick: setup data  ## the same road in about a minute and a half
	$(BIN)/bench run quick --runs $(RUNS) --store $(STORE)
	$(BIN)/bench report --store $(STORE)

report: setup  ## the cost table of STORE
	$(BIN)/bench report --store $(STORE)

test: check  ## lint, types, and every test, the slow ones too
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready

# Made again whenever the dependencies change.
$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	touch $@

# CIFAR10_DIR where it is set, else the official archive, once.
data: setup
	test -n "$$CIFAR10_DIR" || $(BIN)/bench data fetch

clean:
	rm -rf $(VENV) build *.egg-info
