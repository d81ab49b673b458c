VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
BENCH := .venv-bench
MUTANTS := .venv-mutants
MODELS := resnet20_digits resnet20v2_digits

.PHONY: help demo test lint docs pages wheel check versions gate fuzz mutants bench bench-models bench-matrix bench-zoo bench-growth bench-tool hooks clean

help: ## print this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/ready ## fold the two checked-in trained networks; print ledger, proof and latency
	@mkdir -p build
	@for model in $(MODELS); do \
		$(BIN)/bnfold fold models/$$model.pt -o build/$$model.onnx --data models/digits_test.npz --force || exit $$?; \
	done

test: $(VENV)/ready ## run the tests, and tell which branches of bnfold/ none of them takes
	$(BIN)/pytest -n 2 --cov --cov-report=term

lint: $(VENV)/ready ## check style, types, which package imports which, and what is declared as a dependency
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH=$(CURDIR)/$(BIN):$$PATH PYTHONPATH=. $(BIN)/pyright --verifytypes bnfold --ignoreexternal
	$(BIN)/lint-imports
	$(BIN)/deptry bnfold

docs: $(VENV)/ready ## build the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pages: $(VENV)/ready ## write what the code and the records make of the documentation, and draw the pictures of the README
	$(BIN)/python -m docs.make --pictures

wheel: $(VENV)/ready ## build the wheel and use it in an empty environment, without torch
	$(BIN)/pytest checks

check: lint test docs wheel ## all that a change must pass

versions: $(VENV)/ready ## run the tests with the lowest and newest dependencies, and on newer Pythons (an hour)
	$(BIN)/python -m checks.versions

gate: $(VENV)/ready ## compare counts and speeds of folds with the recorded ones
	$(BIN)/python -m benchmarks.gate

fuzz: $(VENV)/ready ## give thousands of damaged files to the command
	$(BIN)/python -m tests.fuzz --record build/fuzz/results.json

$(MUTANTS)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' mutmut==3.8.1
	touch $@

mutants: $(MUTANTS)/ready ## change rules and metrics in small ways and count what no test notices (an hour)
	rm -rf mutants
	$(MUTANTS)/bin/python -m benchmarks.mutants

$(BENCH)/ready: pyproject.toml constraints.txt benchmarks/rivals/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/rivals/requirements.txt -e .
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check --no-deps rapidocr-onnxruntime==1.4.4
	touch $@

bench: bench-models bench-matrix bench-zoo bench-growth bench-tool ## compare with every other tool: all of the bench- parts (5 GB to install, hours to run)

bench-models: $(BENCH)/ready ## what each makes of 13 networks, and how fast that runs
	$(BENCH)/bin/python -m benchmarks.rivals

bench-matrix: $(BENCH)/ready ## what each makes of every case of the conformance matrix
	$(BENCH)/bin/python -m benchmarks.conformance.run

bench-zoo: $(BENCH)/ready ## what each makes of every network of the zoo
	$(BENCH)/bin/python -m benchmarks.rivals.zoo

bench-growth: $(BENCH)/ready ## time and memory of each by size of the model, up to 3 GB
	$(BENCH)/bin/python -m benchmarks.rivals.growth

bench-tool: $(BENCH)/ready ## time and memory of the command, start-up and proof included
	$(BENCH)/bin/python -m benchmarks.tool --zoo $(BENCH)/bin/python

hooks: $(VENV)/ready ## let git check style and types before every commit
	$(BIN)/pre-commit install

clean: ## remove what demo and test made
	rm -rf $(VENV) $(BENCH) $(MUTANTS) mutants build dist
