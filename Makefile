# Two commands do everything: `make run` and `make test`. They need make and Python 3.11, 3.12 or 3.13.
.DEFAULT_GOAL := help
.PHONY: help setup run test lab notebooks fidelity quality protocols scale speed lock clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PARAMS ?= params/local.yaml
RETAIL ?= data/raw/online-retail.parquet
ML1M ?= data/raw/ml-1m/ratings.dat
MOVIES ?= $(wildcard $(dir $(ML1M))movies.dat)
# LIBRARIES: a folder of other libraries to compare with, as benchmarks/peers.py says.
BESIDE_PEERS = PYTHONPATH=$(LIBRARIES):$$PYTHONPATH $(BIN)/python
CONTAINER := recsys/sagemaker/container
# jsonschema checks URLs in any script with it where it is installed; nothing here has any, and each process that reads
# a notebook would start 4 s later: its grammar is compiled at the import.
SLOW := rfc3987-syntax
# Of the tests, each with an embedded AWS of its own.
WORKERS ?= 2
# Every process would compile pandas and scipy anew, which takes three times as long as to import them.
export PYTHONDONTWRITEBYTECODE :=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/ready ## create the environment in .venv from requirements.lock

.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; install one, or: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv with $(PYTHON) (about a minute, once)"
	@$(PYTHON) -m venv --clear .venv
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip uninstall --quiet --python $(BIN)/python $(SLOW)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## run the whole pipeline on the sample shop with the embedded AWS
	@$(BIN)/recsys run --params $(PARAMS)

test: setup ## run all tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lab: setup ## open JupyterLab on the notebooks, with the embedded AWS running
	@$(BIN)/recsys local up
	@$(BIN)/jupyter lab --notebook-dir . notebooks/01_data_prep.ipynb

notebooks: setup ## renew the outputs stored in the notebooks, from the newest run of the sample
	@$(BIN)/python -m recsys.stored_outputs

fidelity: setup ## write docs/personalize-fidelity.md anew
	@PYTHONPATH=tests $(BIN)/python tests/contract/fidelity.py

quality: setup ## measure the recommenders into docs/quality.md; RETAIL=FILE: UCI's Online Retail, ML1M=FILE: MovieLens-1M, LIBRARIES=DIR: peers
	@for f in $(RETAIL) $(ML1M); do test -f $$f || { echo "error: $$f is not there: make quality RETAIL=... ML1M=..." >&2; exit 1; }; done
	@for p in personalize leave-last-out temporal; do $(BESIDE_PEERS) -m benchmarks.quality data/sample/interactions.csv \
		--categories data/sample/items.csv --protocol $$p --name "Sample shop" \
		--json build/quality/sample-$$p.json || exit 1; done
	@for p in personalize leave-last-out temporal; do $(BESIDE_PEERS) -m benchmarks.quality $(RETAIL) \
		--protocol $$p --name "Online Retail" --json build/quality/online-retail-$$p.json || exit 1; done
	@$(BESIDE_PEERS) -m benchmarks.quality $(ML1M) --core 5 --protocol leave-last-out $(MOVIES:%=--categories %) \
		--name "MovieLens-1M" --json build/quality/movielens-1m.json
	@$(BIN)/python -m benchmarks.report build/quality/sample-*.json build/quality/online-retail-*.json \
		build/quality/movielens-1m.json

scale: setup ## measure how training grows into docs/scale.md; half an hour on two cores
	@$(BIN)/python -m benchmarks.scale --json build/scale.json --folder docs

speed: setup ## measure one request and a batch into docs/speed.md; LIBRARIES=DIR: where implicit and faiss are
	@$(BESIDE_PEERS) -m benchmarks.speed --json build/speed.json --folder docs

protocols: setup ## measure newcomers, and each task by its own protocol, into docs/protocols.md; RETAIL and LIBRARIES as above
	@$(BESIDE_PEERS) -m benchmarks.newcomers --name "Sample shop" --json build/protocols/1.json
	@$(BESIDE_PEERS) -m benchmarks.protocols data/sample/interactions.csv --name "Sample shop" --json build/protocols/2.json
	@$(BESIDE_PEERS) -m benchmarks.newcomers $(RETAIL) --folds 2 --name "Online Retail" --json build/protocols/3.json
	@$(BESIDE_PEERS) -m benchmarks.protocols $(RETAIL) --name "Online Retail" --json build/protocols/4.json
	@$(BIN)/python -m benchmarks.tables $(foreach n,1 2 3 4,build/protocols/$(n).json)

lock: ## resolve pyproject.toml anew into requirements.lock, and of it what the image needs
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-header \
		--group dev pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-header \
		--constraint requirements.lock $(CONTAINER)/requirements.in --output-file $(CONTAINER)/requirements.txt

clean: ## stop the embedded AWS and remove .venv, .recsys and runs
	@test ! -x $(BIN)/recsys || $(BIN)/recsys local down
	rm -rf .venv .recsys runs kernel-ipc-*
