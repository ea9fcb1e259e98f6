# Two commands: `make run` starts the app, `make test` runs every test. The same steps as plain
# commands for Windows and macOS stand in README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-long format check setup setup-test clean

run: setup
	$(BIN)/streamlit run app/main.py

test: setup-test
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest

test-long: setup-test
	$(BIN)/python -m pytest -m long

format: setup-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: .setup-run
setup-test: .setup-test

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Chipscape needs Python 3.11 or newer: make run PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)

# The mark is written last, so that an interrupted set-up is taken up again.
.setup-run: pyproject.toml requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	$(BIN)/chipscape warm-up
	touch $@

.setup-test: pyproject.toml requirements.txt requirements-test.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-test.txt
	$(BIN)/chipscape warm-up
	touch $@

clean:
	rm -rf $(VENV) .setup-run .setup-test
