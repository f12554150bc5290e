# What this project can be told to do. `make run`, `make serve` and `make test` need python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_REDIS_URL ?= redis://127.0.0.1:6379/15
CHROMIUM ?= /usr/bin/chromium

# $(call install,requirements file): once for each content of the requirement files.
define install
stamp="$(VENV)/.$(1)-$$(cat requirements.txt $(1) | cksum | tr ' ' '-')"; \
if [ ! -e "$$stamp" ]; then \
	echo "Installing packages from $(1) (about a minute)…"; \
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --requirement $(1) \
		|| { echo "The packages could not be installed: look at the lines above, then try again." >&2; exit 1; }; \
	rm -f $(VENV)/.$(1)-*; touch "$$stamp"; \
fi
endef

.DEFAULT_GOAL := help
.PHONY: help run serve test test-services test-browser screenshots lint bench venv packages packages-dev

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: packages ## try it: demo businesses and a simulated handset on http://127.0.0.1:8000 (PORT=, HOST= move it)
	@exec $(BIN)/python -m optout_project.start run

serve: packages ## use it: the same processes without demo and simulator, on this machine
	@exec $(BIN)/python -m optout_project.start serve

test: packages-dev ## the default tests, on SQLite
	@$(BIN)/python -m pytest -n 2

test-services: packages-dev ## the same tests and more on PostgreSQL and Redis (TEST_DATABASE_URL=, TEST_REDIS_URL=)
	@TEST_DATABASE_URL="$(TEST_DATABASE_URL)" TEST_REDIS_URL="$(TEST_REDIS_URL)" $(BIN)/python -m tests.reachable
	@TEST_SERVICES=on TEST_DATABASE_URL="$(TEST_DATABASE_URL)" TEST_REDIS_URL="$(TEST_REDIS_URL)" \
		$(BIN)/python -m pytest -n 2 --migrations -m "not browser"

test-browser: packages-dev ## the story of the README in a real browser (CHROMIUM=)
	@[ -x "$(CHROMIUM)" ] || { echo "$(CHROMIUM) is missing: apt install chromium, or set CHROMIUM=." >&2; exit 1; }
	@CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest -m browser

screenshots: packages-dev ## the pictures of docs/images, from the demo in a real browser (CHROMIUM=)
	@[ -x "$(CHROMIUM)" ] || { echo "$(CHROMIUM) is missing: apt install chromium, or set CHROMIUM=." >&2; exit 1; }
	@CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest -m browser tests/browser/pictures.py

lint: packages-dev ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

bench: packages-dev ## how fast it is, each figure beside its floor (needs PostgreSQL)
	@$(BIN)/python -m benchmarks

packages: venv
	@$(call install,requirements.txt)

packages-dev: venv
	@$(call install,requirements-dev.txt)

venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
			|| { echo "Python's venv is missing: apt install python3-venv." >&2; exit 1; }; \
		echo "Making a virtual environment in $(VENV)…"; \
		$(PYTHON) -m venv --clear $(VENV); \
	}
