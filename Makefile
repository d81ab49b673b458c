VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
MODELS := resnet20_digits resnet20v2_digits

.PHONY: help demo test fuzz clean

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

fuzz: $(VENV)/ready ## give thousands of damaged files to the command
	$(BIN)/python -m tests.fuzz --record build/fuzz/results.json

clean: ## remove what demo and test made
	rm -rf $(VENV) build dist
