# `make run` starts the app, `make test` runs every test, `make check` runs the formatter, the
# linter and the type checker. README.md has the same steps as plain commands for Windows and macOS.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q

.PHONY: run test test-long faults bench format check coverage lock audit setup setup-test clean

run: setup
	$(BIN)/streamlit run app/main.py

test: setup-test
	$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest $(PARALLEL)

test-long: setup-test
	$(BIN)/python -m pytest -m long

# The seed of the random kills is printed; CHIPSCAPE_KILL_SEED repeats one, CHIPSCAPE_KILLS sets
# their number.
faults: setup-test
	$(BIN)/python -m pytest -s -m "" tests/faults

# Runs every benchmark and writes docs/performance.md, in about two hours; QUICK=1 takes minutes and
# writes nothing.
bench: setup-test
	$(BIN)/python benchmarks/suite.py $(if $(QUICK),--quick)

# A file of tests stays in one process, because its tests share servers and results.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

format: setup-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

coverage: setup-test
	$(BIN)/coverage run -m pytest --ignore=tests/browser
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

# Renews the exact versions. torch brings its own CUDA packages where there are any.
lock: setup-test
	$(PIP) uv
	$(call compile,,requirements-lock.txt)
	$(call compile,--extra test,requirements-test-lock.txt)

# Compares the exact versions with the published defects; needs the internet.
audit: setup-test
	$(PIP) pip-audit
	$(BIN)/pip-audit --no-deps --disable-pip -r requirements-lock.txt

compile = $(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 $(1) \
	pyproject.toml | sed -E '/^(nvidia|cuda|triton)/d; s/ ; sys_platform != .emscripten.$$//; /emscripten/d; /^torch==.*\+/d; s/^(torch==[^ ]+).*/\1/' > $(2)

setup: .setup-run
setup-test: .setup-test

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Chipscape needs Python 3.11 or newer: make run PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)

# The mark is written last, so that an interrupted set-up is continued.
.setup-run: pyproject.toml requirements-lock.txt | $(BIN)/python
	$(PIP) -r requirements-lock.txt
	$(PIP) --no-deps -e .
	$(BIN)/chipscape warm-up
	touch $@

.setup-test: pyproject.toml requirements-test-lock.txt | $(BIN)/python
	$(PIP) -r requirements-test-lock.txt
	$(PIP) --no-deps -e .
	$(BIN)/chipscape warm-up
	touch $@

clean:
	rm -rf $(VENV) .setup-run .setup-test
