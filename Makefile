.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8080
DATA_DIR ?=
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Convergence needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 …"; exit 1; }

.PHONY: help demo up templates preview test lint bundle

help:                ## list the targets
	@grep -hE '^[a-z_.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

# The stamps make a second `make` quick: they are older than the pins only when those changed.
# Everybody else's packages: what the files list, and no others. Cloud builds keep these, of wheels alone, so that none of
# their code runs (.ci/cache).
.venv/packages: requirements.txt requirements-dev.txt pyproject.toml
	@$(CHECK_PYTHON)
	@echo "Setting up .venv (a minute, once) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

# The command `convergence`. It runs what is in this folder, wherever it is called. Needs no network, and no longer than a
# second or two: setuptools is among the packages.
.venv/stamp: .venv/packages
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv: .venv/stamp   ## set up .venv; quick the second time

demo: .venv/stamp    ## the whole product on this machine, once, with a report
	@$(BIN)/python -m local demo

up: .venv/stamp      ## keep it serving on http://localhost:$(PORT) until Ctrl-C
	@exec $(BIN)/python -m local up --port $(PORT) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

templates: .venv/stamp  ## check every template and table schema, without running anything
	@$(BIN)/convergence templates

preview: .venv/stamp  ## what TEMPLATE would do for TENANT on DATE: SQL, tables, mails, bytes
	@test -n "$(TEMPLATE)" -a -n "$(TENANT)" || { echo "Say of which template, for which tenant and day: make preview TEMPLATE=gcp/cost/cost_billing TENANT=acmeinc_23xv2 DATE=2025-11-15"; exit 2; }
	@$(BIN)/convergence preview "$(TEMPLATE)" --tenant "$(TENANT)" $(if $(DATE),--date "$(DATE)") $(if $(STACK),--stack "$(STACK)")

lint: style types    ## ruff, import-linter, mypy

.PHONY: style types tests
style: .venv/stamp
	@$(BIN)/ruff format --check --quiet . || { echo "run: .venv/bin/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --cache-dir .import_linter_cache --no-logo

types: .venv/stamp
	@nice $(BIN)/mypy --no-error-summary

tests: .venv/stamp
	@$(BIN)/python -m pytest

# Types beside the tests, which leave a core idle now and then; style before, for it takes a second.
test: style          ## every check
	@$(MAKE) --no-print-directory --jobs=2 types tests

# For what needs a browser. Not a part of `make test`, which needs none.
test.browser: .venv/stamp  ## the console in a browser
	@if [ -d tests/browser ]; then $(BIN)/python -m pytest tests/browser; \
	  else echo "Nothing to test in a browser yet: there is no tests/browser."; fi

test.long: .venv/stamp  ## long forms of tests and benches, about two hours; FORMS="attacks faults" runs these alone
	@$(BIN)/python -m tests.long_forms $(FORMS)

# Four at once: what takes time is waiting for answers. ADMIN_KEY and IDENTITY_TOKEN come from the environment.
test.system: .venv/stamp  ## suites and a demo run on a real project: SYSTEM_PROJECT=…, or a stack's ready file STACK=…
	@$(BIN)/python -m pytest -n4 --timeout=1800 -p tests.system.plugin $(if $(STACK),--stack "$(STACK)") \
	  tests/contract/ports emulators/tests/bigquery/test_functions.py emulators/tests/bigquery/test_parameters.py tests/system

bundle:              ## a zip of each function into dist/, the same bytes from the same source; needs Python alone
	@$(CHECK_PYTHON)
	@$(PYTHON) -m functions.bundle

# TFCHECK is the folder of a tool that plans offline, against the provider's schema; without it Terraform asks its registry.
TF_VALUES := --var project_id=ci-project --var-file terraform/dev.tfvars --var-file terraform/prod.tfvars
terraform: .venv/stamp  ## Terraform's format, validity and tests; where TFCHECK is set also plan, apply and destroy, made up
	@command -v terraform > /dev/null || { echo "terraform is not installed: 1.9 or newer is needed"; exit 1; }
ifneq ($(TFCHECK),)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement "$(TFCHECK)/requirements.txt"
	@$(BIN)/python "$(TFCHECK)/tfcheck.py" check terraform $(TF_VALUES) --apply --strict
	@$(BIN)/python "$(TFCHECK)/tfcheck.py" check terraform/bootstrap --var project_id=ci-project --apply --strict
else
	@terraform -chdir=terraform fmt -check -recursive || { echo "run: terraform -chdir=terraform fmt -recursive"; exit 1; }
	@for module in terraform terraform/bootstrap; do \
	  terraform -chdir=$$module init -backend=false -input=false > /dev/null && terraform -chdir=$$module validate && \
	  terraform -chdir=$$module test || exit 1; done
endif

checkov: .venv-checkov/stamp  ## what is commonly insecure in Terraform; each rule that is left out has its reason beside it
	@.venv-checkov/bin/checkov -d terraform --framework terraform --skip-download --quiet --compact

# A virtual environment of its own: it pins older versions of what we use.
.venv-checkov/stamp: requirements-checkov.txt
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-checkov.txt
	@touch $@

# For every Python and platform at once. What is pinned stays, unless it no longer fits, or UPGRADE names it. Extras are
# kept: without them pip takes google-auth[pyopenssl] for something that has no hash.
COMPILE := .venv-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
  --no-emit-index-url --custom-compile-command "make requirements"
requirements: .venv-uv/stamp  ## compile requirements*.txt from requirements.in and pyproject.toml; UPGRADE=NAME moves a pin
	@$(COMPILE) $(if $(UPGRADE),--upgrade-package $(UPGRADE)) requirements.in --output-file requirements.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade-package $(UPGRADE)) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	@$(COMPILE) $(if $(UPGRADE),--upgrade-package $(UPGRADE)) --group checkov --output-file requirements-checkov.txt

.venv-uv/stamp:
	@$(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@touch $@

bench.bigquery: .venv/stamp   ## the embedded BigQuery under Google's client, beside what that client can do at all
	@$(BIN)/python -m bench.bigquery

bench.templates: .venv/stamp  ## a template made ready for one tenant, beside Jinja2; 10,000 of them in under 2 s
	@$(BIN)/python -m bench.templates

bench.fan_out: .venv/bench-stamp  ## run messages a second of fan_out, beside a loop that publishes the same; memory
	@$(BIN)/python -m bench.fan_out --save

bench.runs: .venv/bench-stamp  ## runs a second through Pub/Sub, beside an empty function; calls of each API that a run makes
	@$(BIN)/python -m bench.runs --save

bench.cold: .venv/bench-stamp  ## imports of each function, beside those that it cannot do without
	@$(BIN)/python -m bench.cold --save

# Plots need a library that nothing else does.
.venv/bench-stamp: .venv/stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

bench.api: .venv/stamp   ## 200 run requests a second for 50 tenants; accepting beside a function that does nothing
	@$(BIN)/python -m bench.api
