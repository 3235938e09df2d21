.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-clusters coverage durations check suites suites-record proof contract bench docs lines
.PHONY: lock clean setup setup-dev

BIN := .venv/bin
UV_COMPILE := .uv/bin/uv pip compile --quiet --universal --python-version 3.10 \
  --generate-hashes --no-emit-index-url --no-header --no-annotate
NEWEST_KFP := tests/pipeline/kubeflow/newest/requirements
CLUSTERS := scripts/clusters

# A file's tests stay together, because they share what is slow to make.
PARALLEL := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A file that takes longer keeps one worker busy at the end, while the others wait.
MAX_FILE_SECONDS ?= 120

# The tests' models lie in temporary folders, and each server has ports of its own.
TF_SERVING ?= docker run --rm --init --network=host --volume=/tmp:/tmp:ro \
  --entrypoint=tensorflow_model_server tensorflow/serving:2.19.1

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup  ## Run the whole pipeline and publish a blessed model
	@$(BIN)/taxiway run

test: setup-dev  ## Run every test that needs no cluster
	@$(BIN)/python -m pytest -m "not cluster" $(PARALLEL)

test-fast: setup-dev  ## Run the quick test files, in less than 90 seconds
	@$(BIN)/python -m pytest --fast -m "not slow" $(PARALLEL)

coverage: setup-dev  ## Run the tests of `make test` with coverage and a limit on a file's seconds
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -m "not cluster" $(PARALLEL) --max-file-seconds $(MAX_FILE_SECONDS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

durations: setup-dev  ## Run the tests of `make test`, and record the seconds that order the files
	@$(BIN)/python -m pytest -m "not cluster" $(PARALLEL) --record-durations

test-clusters: setup-dev  ## Run the pipeline on a real Flink and a real Spark, downloaded once
	@$(BIN)/python -m pytest -m cluster $(PARALLEL)

check: setup-dev  ## Check style, types and the order of layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

suites: setup-dev  ## Run the tests on clusters and on the newer TFX line that a change concerns
	@$(BIN)/python -m scripts.suites changed

suites-record: setup-dev  ## Run them in any case, and record that they passed: SUITES="clusters lines"
	@$(BIN)/python -m scripts.suites record $(SUITES)

proof: setup-dev  ## Damage data and models, kill and crowd publishers; write docs/proof.md
	@$(BIN)/python -m pytest tests/serving tests/pipeline/components/data_gate/test_malformed.py \
	  tests/pipeline/sources/test_mutations.py --proof

contract: setup-dev  ## Test the real TensorFlow Serving, in Docker, against the contract
	@$(BIN)/python -m pytest tests/serving/server --model-server "$(TF_SERVING)"

bench: setup-dev  ## Measure speed against stock TFX and a plain script
	@$(BIN)/python -m scripts.bench

docs: setup-dev  ## Refresh the generated pages of docs/reference
	@$(BIN)/python -m scripts.reference

lines: setup-dev  ## Compare the newer TFX line, in a Debian trixie root, with the older
	@scripts/lines/trixie.sh

lock: setup  ## Refresh the lock files
	@$(UV_COMPILE) pyproject.toml --upgrade -o requirements.lock
	@$(UV_COMPILE) pyproject.toml --upgrade --extra dev -c requirements.lock -o requirements-dev.lock
	@$(UV_COMPILE) $(NEWEST_KFP).in --upgrade -o $(NEWEST_KFP).lock
	@$(UV_COMPILE) $(CLUSTERS)/flink.in --upgrade -o $(CLUSTERS)/flink.lock
	@$(UV_COMPILE) $(CLUSTERS)/spark.in --upgrade -o $(CLUSTERS)/spark.lock

clean:  ## Remove the environment; the workspace stays
	@rm -rf .venv .uv

setup:
	@scripts/setup.sh requirements.lock

setup-dev:
	@scripts/setup.sh requirements-dev.lock
