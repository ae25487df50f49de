# `make` says what there is to make. What needs Python packages installs them first, into .venv.

PYTHON ?= python3
PORT ?= 8000
# Where Linux finds torch without CUDA. `make TORCH_INDEX= book` takes PyPI's own build.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# The version that `make lock` writes down.
TORCH ?= 2.13.0

BIN := .venv/bin
# A test process for each core, four at most, and one thread in each.
PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest
PARALLEL := --numprocesses logical --maxprocesses 4
INSTALLED := .venv/.installed
BUILT := _build/.built
# Folders are listed with their files: they change when a file goes. (`book` is a target, `book/.` not.)
SOURCES := $(shell find book/. rnnlib/. exercises/. -name __pycache__ -prune -o -print 2> /dev/null) \
	_config.yml _toc.yml requirements.txt

.DEFAULT_GOAL := help
.PHONY: help book test matrix attacks scale site-test exercises serve pdf links site-report release lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

book: $(BUILT) ## Build the book into _build/html/index.html

test: $(INSTALLED) ## Test the library, the exercises and the book's sources
	$(PYTEST) $(PARALLEL)

matrix: $(INSTALLED) ## Try every wrong and every unusual solution of the assignments
	RNNLIB_STRICT=1 $(PYTEST) $(PARALLEL) -m matrix tests/test_assignments.py

attacks: $(INSTALLED) ## Hand in every attack on the grading
	RNNLIB_STRICT=1 $(BIN)/python -m pytest -m attacks tests/attacks

scale: $(INSTALLED) ## Grade a class on a cluster while the grader and a worker are killed
	RNNLIB_STRICT=1 $(BIN)/python -m pytest -m scale tests/scale

site-test: $(BUILT) ## Test the built book in Chromium
	$(BIN)/python -m pytest -m site tests/site

exercises: $(INSTALLED) ## Generate the students' notebooks in exercises/ from solutions/
	$(BIN)/nbgrader generate_assignment '*' --force --no-db

serve: $(BUILT) ## Show the book at http://localhost:8000, anew whenever a source changes
	PYTHONPATH=book/_ext $(BIN)/python -m unrolled.serve $(PORT)

pdf: $(BUILT) ## Print the built book into _build/unrolled.pdf, by a headless Chromium
	PYTHONPATH=book/_ext $(BIN)/python -m unrolled.pdf _build/unrolled.pdf

links: $(BUILT) ## Follow every link of the built book, to other sites too
	$(BIN)/linkchecker --check-extern --no-status _build/html/index.html

site-report: $(BUILT) ## Let Lighthouse judge the heaviest pages (npm)
	PYTHONPATH=book/_ext $(BIN)/python tests/site/report.py

release: $(BUILT) ## Pack dist/: an archive for students, and one for the machine that grades
	$(BIN)/python -m rnnlib.grading.release --site _build/html --to dist

lock: $(INSTALLED) ## Take the newest versions of all packages into requirements.txt
	@mkdir -p _build
	echo 'torch==$(TORCH)' > _build/constraints.txt
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--constraint _build/constraints.txt --no-annotate --no-header --quiet > _build/locked.txt
	echo '# Written by `make lock` from pyproject.toml. What torch needs for CUDA comes with torch.' \
		> requirements.txt
	grep -Ev '^(cuda|nvidia)' _build/locked.txt >> requirements.txt

clean: ## Remove everything that was built, except .venv
	rm -rf _build build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache book/api/*.md

$(BUILT): $(SOURCES) | $(INSTALLED)
	rm -rf _build/html
	$(BIN)/jupyter-book build book --config _config.yml --toc _toc.yml --path-output . \
		-W --keep-going --all
	@touch $@

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		"$(PYTHON) is missing or older than 3.11; name another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo \
		"$(PYTHON) has no venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing the locked packages into .venv: minutes, but once."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if $(PYTHON) -c 'import urllib.request as u; u.urlopen("$(TORCH_INDEX)", timeout=5)' 2> /dev/null; \
	then set -x; $(BIN)/python -m pip install --quiet --no-deps --index-url $(TORCH_INDEX) \
		"$$(grep '^torch==' requirements.txt)"; fi
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
