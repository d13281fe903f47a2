# make evolve: the main job.  make test: the tests.  make check: lint, types, layers, tests.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

export HF_HUB_OFFLINE ?= 1
export LANGSMITH_TRACING ?= false

.PHONY: evolve test check install clean

install: $(STAMP)

# torch first and pinned: an open range would bring several GB of CUDA packages.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[textworld,dev]'
	touch $(STAMP)

evolve: $(STAMP)
	$(BIN)/agentevo evolve $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

clean:
	rm -rf $(VENV)
