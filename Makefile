VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
BENCH := .venv-bench
MODELS := resnet20_digits resnet20v2_digits

.PHONY: help demo test docs gate fuzz bench clean

help: ## print this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/ready ## fold the two checked-in trained networks; print ledger, proof and latency
	@mkdir -p build
	@for model in $(MODELS); do \
		$(BIN)/bnfold fold models/$$model.pt -o build/$$model.onnx --data models/digits_test.npz --force || exit $$?; \
	done

test: $(VENV)/ready ## run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2

docs: $(VENV)/ready ## build the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

gate: $(VENV)/ready ## compare counts and speeds of folds with the recorded ones
	$(BIN)/python -m benchmarks.gate

fuzz: $(VENV)/ready ## give thousands of damaged files to the command
	$(BIN)/python -m tests.fuzz --record build/fuzz/results.json

$(BENCH)/ready: pyproject.toml constraints.txt benchmarks/rivals/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/rivals/requirements.txt -e .
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check --no-deps rapidocr-onnxruntime==1.4.4
	touch $@

bench: $(BENCH)/ready ## compare with every other tool (5 GB to install, half an hour to run)
	$(BENCH)/bin/python -m benchmarks.rivals

clean: ## remove what demo and test made
	rm -rf $(VENV) $(BENCH) build dist
