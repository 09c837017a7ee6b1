# Siyu: every command a newcomer needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# nothing of the tools below phones home
export GX_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
# pip and uv say nothing about running as root in a container
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help setup demo up down test test-slow lint format sources lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

setup: $(VENV)/.installed  ## virtual environment with the locked packages

demo: setup  ## the main job on embedded defaults: 45 days, one incident, real Airflow, a report
	@$(BIN)/siyu demo

up: setup  ## the demo left running: Airflow, sandbox and the robot's wall (Ctrl-C or `make down` ends it)
	@$(BIN)/siyu demo --stay

down:  ## end what `make up` left running
	@test ! -x $(BIN)/siyu || $(BIN)/siyu demo --stop

test: setup  ## all tests but the slow ones, under 10 minutes on 2 cores
	$(BIN)/python -m pytest

test-slow: setup  ## every test
	$(BIN)/python -m pytest -m 'slow or not slow'

lint: setup  ## ruff and sqlfluff, as CI runs them; repairs nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests --processes 2

format: setup  ## let ruff and sqlfluff repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix dbt_project/models dbt_project/tests --processes 2

sources: setup  ## write the table of docs/sources.md anew from the streams
	sed -i '/^<!-- sources -->$$/q' docs/sources.md
	$(BIN)/siyu sources --markdown >> docs/sources.md

lock: setup  ## resolve pyproject.toml again: requirements.lock (all), requirements.txt (run time)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra s3 --universal \
		--python-version 3.11 --constraint requirements.lock \
		--generate-hashes --no-header --no-annotate --quiet --output-file requirements.txt

clean: down  ## remove all state and the virtual environment
	rm -rf var $(VENV) .pytest_cache .ruff_cache *.egg-info
