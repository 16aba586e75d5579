# Two commands matter: `make report` and `make test`. Both make the virtual environment themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLE ?=
OUT ?= outputs
PUBLIC := public
FORMAT := text
TO :=
RESULTS_URL ?=
BASE ?= origin/main
LOWEST := .venv-lowest
LOWEST_PYTHON ?= python3.11
SYSTEM := prometheus victoria-metrics chromium redis-server
EVIDENCE := outputs/evidence
PHASE := reliability/sample/own_phase.toml
# the programs of a PostgreSQL server lie outside of PATH
missing_programs = for name in $(SYSTEM); do command -v "$$name" >/dev/null || echo "$$name"; done; \
	[ -n "$$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] || command -v initdb >/dev/null || echo postgresql
no_services := /usr/sbin/policy-rc.d
no_cluster := /etc/postgresql-common/createcluster.conf
need_out = $(if $(strip $(OUT)),,$(error OUT is empty; name the folder of results, for example OUT=outputs))

##@ Reports
report: $(VENV)/.installed  ## Run all notebooks and write the pages (SAMPLE=pass|fail|unsure|nodata instead of one's own source)
	$(call need_out)
	@$(BIN)/reliability report $(if $(SAMPLE),--sample "$(SAMPLE)") --out "$(OUT)"

gate: $(VENV)/.installed  ## Judge the newest run (FORMAT=text|json|markdown|junit, TO=file, RESULTS_URL=address for links)
	$(call need_out)
	@$(BIN)/reliability gate --out "$(OUT)" --format "$(FORMAT)" $(if $(TO),--to "$(TO)") $(if $(RESULTS_URL),--url "$(RESULTS_URL)")

publish:  ## Copy what may be public to public/: status page, pages, notebooks, JSON (PUBLIC=folder)
	$(call need_out)
	@$(PYTHON) .ci/publish.py "$(OUT)" "$(PUBLIC)"

lab: $(VENV)/.installed  ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/canary_comparison.ipynb

##@ Work on the program
test test-unit: export PYTHONDONTWRITEBYTECODE := # empty: hundreds of processes need not compile the same modules anew
test: ready-to-test  ## Check style, types and layers, run all tests that this machine can run, check the coverage floor
	@rm -rf $(EVIDENCE) && mkdir -p $(EVIDENCE)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python .ci/count_lines.py
	@$(BIN)/reliability phase document --check --phase $(PHASE)
	@types=$$(mktemp); nice -n 10 $(BIN)/mypy >"$$types" 2>&1 & checker=$$!; trap 'kill $$checker 2>/dev/null || true; rm -f "$$types"' EXIT; \
	status=0; $(BIN)/reliability phase measure --phase $(PHASE) --evidence $(EVIDENCE) || status=$$?; \
	wrong=0; wait $$checker || wrong=$$?; echo "mypy:"; cat "$$types"; exit $$((status ? status : wrong)) # types beside tests that wait for servers
	@$(BIN)/reliability phase ratchet --check --local-changes --phase $(PHASE) --evidence $(EVIDENCE) || \
	{ status=$$?; [ "$$status" = 3 ] && [ -z "$${CI:-}" ]; } # tests that this machine skips: said, no failure

test-unit: $(VENV)/.installed-dev  ## Run the fast tests only
	@$(BIN)/pytest -n auto --dist worksteal tests/unit tests/notebooks

record-verify: $(VENV)/.installed  ## Prove that no entry of the record that BASE has was changed or removed since (BASE=commit)
	@$(BIN)/reliability phase record verify --phase $(PHASE) --base "$(BASE)"

test-lowest: $(LOWEST)/.installed  ## Run the fast tests with the lowest versions of all libraries (Python 3.11)
	@$(LOWEST)/bin/python -m pytest -n auto -m "not integration and not browser" -W ignore::DeprecationWarning

test-wheel:  ## Build the wheel, install it into a clean environment and make the reports in an empty folder
	@rm -rf dist .venv-wheel
	@$(PYTHON) -m venv .venv-wheel
	@.venv-wheel/bin/python -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir dist .
	@.venv-wheel/bin/python -m pip install -q --disable-pip-version-check dist/*.whl
	@program="$$PWD/.venv-wheel/bin/reliability"; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; cd "$$folder"; \
	"$$program" report && "$$program" gate

test-deps:  ## Install the servers and the browser that tests start and that are missing; none is started (root, Debian or Ubuntu)
	@missing=$$($(missing_programs)); [ -n "$$missing" ] || exit 0; \
	[ -e $(no_services) ] || { trap 'rm -f $(no_services)' EXIT; printf '#!/bin/sh\nexit 101\n' > $(no_services); chmod +x $(no_services); }; \
	[ -e $(no_cluster) ] || { mkdir -p $(dir $(no_cluster)); echo 'create_main_cluster = false' > $(no_cluster); }; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

bench: $(VENV)/.installed-bench  ## Measure verdicts, their speed, the client, the record, breaker, locks and sessions beside what others do (minutes)
	@$(BIN)/python -m tests.bench.verdict_bench --n 40 --jobs 2
	@$(BIN)/python -m tests.bench.before_after --n 10 --jobs 2
	@$(BIN)/python -m tests.bench.speed_bench
	@$(BIN)/python -m tests.bench.client_bench
	@$(BIN)/python -m tests.bench.record_storm
	@$(BIN)/python -m tests.bench.phase_bench
	@$(BIN)/python -m tests.bench.forecast_bench --paths 200
	@$(BIN)/python -m tests.bench.lock_bench
	@$(BIN)/python -m tests.bench.session_bench
	@$(BIN)/python -m tests.bench.breaker_bench

bench-table: $(VENV)/.installed-dev  ## Write tests/bench/RESULTS.md, 1,000 runs a cell (an hour and more; goes on where it stopped)
	@$(BIN)/python -m tests.bench.publish --out outputs/bench

soak: $(VENV)/.installed-dev  ## Record 40 real canaries, judge them blind and write tests/bench/SOAK.md (about an hour; Prometheus)
	@$(BIN)/python -m tests.bench.lock_bench --seconds 60
	@for step in record judge publish; do $(BIN)/python -m tests.bench.soak $$step --out outputs/soak; done

mutants: $(VENV)/.installed-bench  ## Change the resilience components line by line and count which changes no test notices (about 15 minutes)
	@rm -rf mutants && $(BIN)/mutmut run --max-children 2 >/dev/null
	@$(BIN)/mutmut results --all true | $(BIN)/python -m tests.bench.mutants

format: $(VENV)/.installed-dev  ## Format the code and strip the notebooks
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(BIN)/nbstripout notebooks/*.ipynb

clean:  ## Remove results, their public copy and caches; the record of the phase, leases and sessions stay
	$(call need_out)
	@[ ! -f "$(PUBLIC)/index.html" ] || rm -rf "$(PUBLIC)"
	@rm -rf "$(OUT)/runs" "$(OUT)"/index*.html "$(OUT)/gate.xml" $(EVIDENCE) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage mutants

help:  ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ready-to-test:
	@$(MAKE) --no-print-directory -j2 $(VENV)/.installed-dev test-deps-if-allowed

test-deps-if-allowed:
	@missing=$$($(missing_programs)); if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(MAKE) --no-print-directory test-deps; \
	elif [ -n "$${CI:-}" ] && command -v apt-get >/dev/null && sudo -n true; then sudo $(MAKE) --no-print-directory test-deps; \
	else echo "NOTE: missing:" $$missing "- tests that need it are skipped. 'sudo make test-deps' installs it."; fi

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $$($(PYTHON) --version) is too old; Python 3.11 or newer is needed. Name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: the venv module of $(PYTHON) is missing; on Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "Making the virtual environment in $(VENV) (once)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "Installing the program and its libraries (once; about a minute)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[staging]' >&2
	@touch $@

# uv settles all libraries at once and many times as fast; where it cannot reach an index, pip may know another one
$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	@echo "Installing the program, its libraries and what the tests need (once)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv >&2
	@$(BIN)/uv pip install -q --python $(BIN)/python -e '.[staging,postgres,redis,dev]' >&2 || \
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[staging,postgres,redis,dev]' >&2
	@touch $(VENV)/.installed $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@echo "Installing what the benches compare with (once)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]' >&2
	@touch $@

$(LOWEST)/.installed: pyproject.toml
	@command -v $(LOWEST_PYTHON) >/dev/null || { echo "error: $(LOWEST_PYTHON) is not installed; name one: make test-lowest LOWEST_PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(LOWEST_PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/python -m pip install -q --disable-pip-version-check uv
	@$(LOWEST)/bin/uv pip install -q --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[staging,postgres,redis,dev]'
	@touch $@

.PHONY: report gate publish lab test test-unit record-verify test-lowest test-wheel test-deps ready-to-test test-deps-if-allowed bench bench-table soak mutants format clean help
