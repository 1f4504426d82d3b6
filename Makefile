# Every command of the project. Needs Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup test lint types contract

setup: .venv/.ready

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

contract: setup
	$(BIN)/python -m afterword.schemas.contract
