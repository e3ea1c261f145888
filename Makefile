# make demo   on a fresh machine with Python 3.11 or later: install, run the sample, say where the outputs are
# make gallery   render the figures and maps of the sample into maps/
# make baselines   draw anew the pictures that the tests of the figures compare with
# make test   all set-up, then lint, types and every test (unit, property, doctests, documentation, browser)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml

.PHONY: demo test lint sample gallery baselines clean

demo: $(VENV)/.demo
	$(BIN)/basin demo -o maps

test: $(VENV)/.dev
	@sh tests/setup_system.sh
	$(MAKE) lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sample: $(VENV)/.dev
	$(BIN)/python data/make_sample_layers.py

gallery: $(VENV)/.dev
	$(BIN)/python maps/gallery.py

baselines: $(VENV)/.dev
	BASIN_RENEW_BASELINES=1 $(BIN)/python -m pytest -q tests/test_figures_images.py -k kept

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "basin needs Python 3.11 or later; say which with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[report]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
