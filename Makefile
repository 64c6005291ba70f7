# `make repro` and `make test` are all a new machine needs; both may be repeated.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export PATH := $(abspath $(BIN)):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: repro repro-all submit test test-all check format ui chaos fuzz bench calibrate published docs install help

MAIN := sentiment spoken_digits forecast video

repro: $(INSTALLED)  ## text, audio, time series and video from raw data to a first verdict
	@seqarena run --protocol preview $(MAIN)
	@echo "More: \`make repro-all\` goes on with these and runs all experiments of params.yaml."

repro-all: $(INSTALLED)  ## all experiments of params.yaml, in as many repetitions as are published
	@seqarena run --protocol standard

submit: $(INSTALLED)  ## `make repro` as a job of the Ray cluster that `cluster.jobs` in params.yaml names
	@seqarena submit --protocol preview $(MAIN)

TESTED := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(INSTALLED)  ## every part by itself, with the real Ray, MLflow and DVC
	@pytest $(TESTED) -m 'not whole'

test-all: $(INSTALLED)  ## the whole test suite: whole projects, clusters and servers too
	@pytest $(TESTED)

check: $(INSTALLED)  ## style, formatting and types
	@ruff check .
	@ruff format --check .
	@mypy

format: $(INSTALLED)  ## write style and formatting into the files
	@ruff format .
	@ruff check --fix .

ui: $(INSTALLED)  ## the MLflow dashboard, on http://127.0.0.1:5000, with a link to each verdict
	@seqarena ui

chaos: $(INSTALLED)  ## N (30) faults at random moments of runs, all coming to the same result
	@PYTHONPATH=tests python -m chaos $(or $(N),30)

fuzz: $(INSTALLED)  ## damaged files of every format, N (1,000) each, and what the readers make of them
	@python -m tests.fuzz $(or $(N),1000)

bench: $(INSTALLED)  ## speed, as ratios measured in one interleaved run
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@python -m benchmarks

calibrate: $(INSTALLED)  ## how often a verdict errs, simulated or (REAL=1) with three experiments done again
	@python -m benchmarks.calibration $(if $(REAL),real)

published: $(INSTALLED)  ## published tables again, all or NAME=jsb, for hours, into docs/published.md
	@python -m benchmarks.published $(NAME)

# pdoc cannot resolve the types of a NamedTuple's fields, and shows them as they are written.
docs: $(INSTALLED)  ## every class and function, from the docstrings, in build/docs
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@PDOC_ALLOW_EXEC=1 python -W 'ignore:Error parsing type annotation' -m pdoc --output-directory build/docs seqarena
	@echo build/docs/index.html

install: $(INSTALLED)  ## .venv with the pinned packages; the other targets do it by themselves

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[datasets,speech,s3,server,cluster,onnx,dev]'
	@touch $@
