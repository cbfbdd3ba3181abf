# make run    environment, locked install, the whole pipeline on the default world, and where its results are
# make test   every check and the whole test suite (needs Debian's postgresql, openjdk-17-jre-headless, chromium, gcc, libc6-dev)
# make desk   the web desk on the latest published run: install, load, first administrator, serve
# make eph    the same pipeline on the EPH panel        make mlflow  the pages of the recorded runs
# make national  everybody of the world `national` (or WORLD=million) scored, explained and listed by that model
# make docs   the documentation as a site in build/docs, with the pictures of the run that lies here
# make notebooks  the stories of notebooks/ run on the present run, with their outputs in build/notebooks/
# make benchmarks  all that is told of speed, measured in one run (an hour)
# make supply what the product is made of: locks, bills of materials in build/sbom/, known vulnerabilities, private files
# make format layout and simple fixes                   make lock    new locks from requirements*.in
# make clean  tool caches and build/; never data, models or the record of runs

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
MLFLOW_PORT ?= 5000
WORLD ?= national

# Stages are `python -m pipeline ...`: DVC must find the python of the environment first.
export PATH := $(BIN):$(PATH)
export DVC_SITE_CACHE_DIR := $(CURDIR)/.dvc/site-cache
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.DELETE_ON_ERROR:
.PHONY: run test desk docs eph national notebooks benchmarks mlflow supply format lock clean

run: .venv/installed
	@python -m pipeline recover
	dvc repro
	@python -m pipeline where

test: .venv/installed-dev .venv/installed-docs .venv/installed-spark .venv/installed-supply
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -m pytest -n 2 --dist loadfile

# The desk needs its own lock alone: it reads what was published, and runs where neither model nor pipeline is.
desk: .venv/installed-desk
	python -m pipeline.desk load --again-is-fine
	python -m pipeline.desk administrator
	python -m pipeline.desk serve

eph: .venv/installed
	python -m pipeline --configs configs/eph --home build/eph all

national: .venv/installed
	@test -f models/graduation.txt || { echo "There is no trained model yet: make run" >&2; exit 2; }
	@mkdir -p build/national/models
	@cp -p models/graduation.* models/calibration.json build/national/models/
	python -m pipeline --configs configs/national --home build/national --world $(WORLD) national

docs: .venv/installed-docs
	python -m docs

notebooks: .venv/installed-docs
	python -m notebooks

benchmarks: .venv/installed
	python -m benchmarks --home build/benchmarks/world

mlflow: .venv/installed
	mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(MLFLOW_PORT)

supply: .venv/installed-supply
	python -m benchmarks.faults.supply

format: .venv/installed-dev
	ruff check --fix .
	ruff format .

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed, as the locks are made for it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked packages, a minute or two the first time"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-desk: requirements-desk.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed, as the locks are made for it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked packages of the desk"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing the locked packages of the tests"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-spark: requirements-spark.lock .venv/installed
	@echo "Installing the locked packages of Spark"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-docs: requirements-docs.lock .venv/installed
	@echo "Installing the locked packages of documentation and notebooks"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-supply: requirements-supply.lock .venv/installed
	@echo "Installing the locked packages that look at the supply and at the tests"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Versions and hashes only; where packages come from is the machine's own setting.
COMPILE = build/lock/bin/uv pip compile -q --upgrade --python-version 3.11 --python-platform linux --generate-hashes \
	--no-emit-index-url --no-emit-find-links --annotation-style line --custom-compile-command "make lock"

lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install -qq uv==0.13.9
	$(COMPILE) requirements.in -o requirements.lock
	$(COMPILE) requirements-desk.in -o requirements-desk.lock
	$(COMPILE) requirements-dev.in -o requirements-dev.lock
	$(COMPILE) requirements-spark.in -o requirements-spark.lock
	$(COMPILE) requirements-docs.in -o requirements-docs.lock
	$(COMPILE) requirements-supply.in -o requirements-supply.lock
	! grep -nE 'https?:|file:|/opt|--find-links|--index-url|^torch' requirements*.lock

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
