# Plain pip in a .venv; nothing is assumed but Python >= 3.11 and, for speed, a C++ compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The tests of a file run on one worker, for their fixtures, in the order of tests/conftest.py. Not by xdist_group: from 9.2
# on, pytest keeps test names where pytest-xdist does not look for groups, which are then silently ignored.
WORKERS := --numprocesses auto --dist loadfile --no-loadscope-reorder
# Of the slow tests those of one file would take a worker all the time: whoever has none left takes over from it.
SLOW_WORKERS := --numprocesses auto --dist worksteal
# SkyPilot keeps click below 8.2 and so has an environment of its own, as has the validator of FOCUS files.
CLOUD_VENV ?= .venv-cloud
FOCUS_VENV ?= .venv-focus
FLOORS_VENV ?= .venv-floors
TRAINER_VENV ?= .venv-trainer
STORE ?= results/local
RUNS ?= 1
HALF_HOUR ?= results/gpu-half-hour
IMAGE ?= bench
# NVIDIA's images constrain pip to what fits their own torch, which is not that of VENV.
unexport PIP_CONSTRAINT

.PHONY: run quick gpu report test test-fast test-all test-floors test-container test-cloud check image lock setup data clean
.PHONY: cloud-venv focus-venv floors-venv trainer-venv

run: setup data  ## train airbench94-muon, then report
	$(BIN)/bench run airbench94-muon --runs $(RUNS) --store $(STORE)
	$(BIN)/bench report --store $(STORE)

quick: setup data  ## the same with the recipe quick, in one minute or two
	$(BIN)/bench run quick --runs $(RUNS) --store $(STORE)
	$(BIN)/bench report --store $(STORE)

# Called again, it resumes.
gpu: setup data  ## half an hour on a GPU: correctness, speed of each path, real runs; then report
	$(BIN)/python benchmarks/gpu_half_hour.py $(HALF_HOUR)$(if $(CIFAR10_DIR), --data '$(CIFAR10_DIR)')
	$(BIN)/bench report --store $(HALF_HOUR)/store

report: setup  ## the cost table of STORE
	$(BIN)/bench report --store $(STORE)

test: setup  ## lint, types, and every test that is not slow, on all cores
	$(MAKE) --jobs 2 check test-fast

test-fast: setup
	$(BIN)/python -m pytest $(WORKERS) -m 'not slow' $(PYTEST_ARGS)

# Slow tests train, compile, or wait for servers that die: several at once, by one thread each.
test-all: export BENCH_FOCUS_VALIDATOR := $(abspath $(FOCUS_VENV)/bin/focus-validator)
test-all: export BENCH_TEST_TRAINER := $(abspath $(TRAINER_VENV)/bin/python)
test-all: focus-venv trainer-venv test  ## the slow tests too
	$(BIN)/python -m pytest $(SLOW_WORKERS) -m slow $(PYTEST_ARGS)

check: setup  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Everything that needs no torch, with the lowest versions that pyproject.toml permits; few hypothesis examples, since `make test` tries many.
test-floors: floors-venv
	$(FLOORS_VENV)/bin/python -m pytest $(WORKERS) -m 'not slow' \
		--hypothesis-profile few $(PYTEST_ARGS) \
		tests/analysis tests/billing tests/cli tests/lease tests/record tests/store tests/sweep

# A Docker engine on this machine, as root; tests/container says what it needs.
test-container: setup  ## tests that need a container engine: build the image, run in it
	BENCH_TEST_CONTAINER=1 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/container

# SkyPilot's own `sky launch` on this machine, as root; tests/skypilot says what they need. Slurm and AWS at once: either
# waits for half of its time.
test-cloud: setup cloud-venv  ## tests that need SkyPilot: task files, local AWS, local Slurm
	BENCH_TEST_CLOUD=1 BENCH_TEST_PYTHON=$(abspath $(BIN)/python) \
		$(CLOUD_VENV)/bin/python -m pytest $(WORKERS) $(PYTEST_ARGS) tests/skypilot

# BUILD_ARGS="--build-arg BASE=…" for another base; the Dockerfile says what it must bring.
image:  ## build the Dockerfile as IMAGE
	DOCKER_BUILDKIT=1 docker build -t $(IMAGE) $(BUILD_ARGS) \
		--build-arg GIT_COMMIT=$$(git describe --always --dirty --abbrev=40 --exclude='*') .

# The base brings what is left out. setuptools builds the wheel.
lock: setup  ## requirements.lock, from pyproject.toml and what PyPI has today
	mkdir -p build && printf '%s\n' torch torchvision numpy pillow > build/base.txt
	echo setuptools | $(BIN)/uv pip compile pyproject.toml - --extra train --excludes build/base.txt \
		--universal --python-version 3.11 --generate-hashes --upgrade --quiet --no-annotate \
		--custom-compile-command 'make lock' --output-file requirements.lock

setup: $(VENV)/.ready

# Rebuilt whenever the dependencies change.
$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	touch $@

cloud-venv: $(CLOUD_VENV)/.ready  ## an environment with SkyPilot

$(CLOUD_VENV)/.ready: pyproject.toml
	test -x $(CLOUD_VENV)/bin/python || $(PYTHON) -m venv $(CLOUD_VENV)
	$(CLOUD_VENV)/bin/python -m pip install --quiet --editable '.[cloud,cloud-test]'
	touch $@

# multimethod 2 breaks its newest release.
focus-venv: $(FOCUS_VENV)/.ready  ## an environment with focus-validator

$(FOCUS_VENV)/.ready: Makefile
	test -x $(FOCUS_VENV)/bin/python || $(PYTHON) -m venv $(FOCUS_VENV)
	$(FOCUS_VENV)/bin/python -m pip install --quiet focus-validator 'multimethod<2'
	touch $@

trainer-venv: $(TRAINER_VENV)/.ready  ## an environment with Hugging Face's Trainer, on the torch of VENV

# By a .pth file: installing torch again would take minutes and gigabytes.
$(TRAINER_VENV)/.ready: Makefile | setup
	test -x $(TRAINER_VENV)/bin/python || $(PYTHON) -m venv $(TRAINER_VENV)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
		> "$$(echo $(TRAINER_VENV)/lib/python3.*/site-packages)/torch.pth"
	$(TRAINER_VENV)/bin/python -m pip install --quiet transformers accelerate
	touch $@

floors-venv: $(FLOORS_VENV)/.ready  ## an environment with the lowest versions of the dependencies, without torch

$(FLOORS_VENV)/.ready: pyproject.toml | setup
	mkdir -p build
	$(BIN)/uv pip compile pyproject.toml --resolution lowest-direct --upgrade --quiet --output-file build/floors.txt
	test -x $(FLOORS_VENV)/bin/python || $(PYTHON) -m venv $(FLOORS_VENV)
	$(BIN)/uv pip install --python $(FLOORS_VENV)/bin/python --quiet --constraint build/floors.txt --editable '.[dev]'
	touch $@

# CIFAR10_DIR where it is set, else the official archive, once.
data: setup
	test -n "$$CIFAR10_DIR" || $(BIN)/bench data fetch

clean:
	rm -rf $(VENV) $(CLOUD_VENV) $(FOCUS_VENV) $(FLOORS_VENV) $(TRAINER_VENV) build *.egg-info
