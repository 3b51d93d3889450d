# Each target sets up what it needs: apt packages where one is missing, virtual environments under .venv/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Newest first. ansible-core follows the Python: 2.21 on 3.12 and newer, 2.19 on 3.11 (requirements.txt).
CONTROLLER_PYTHONS := 3.13 3.12 3.11
# The oldest ansible-core supported, 2.16, runs on these.
OLDEST_PYTHONS := 3.11 3.12 3.10
# Both ends of what hosts have, EL8's 3.6 and Debian 13's 3.13; hosts of the lab have Debian 12's 3.11.
UNIT_PYTHONS := 3.6 3.13

RUN := .venv/run
TEST := .venv/test
OLDEST := .venv/oldest
LINT := .venv/lint
UNIT := $(UNIT_PYTHONS:%=.venv/unit-%)
UNITS := controller-test controller-oldest $(UNIT_PYTHONS:%=unit-%)
SANITY := sanity-test sanity-oldest sanity-import
# One more than cores, and two on the lab: much of a test run is waiting.
JOBS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SIDE_BY_SIDE := --numprocesses $(shell expr $(JOBS) + 1) --dist loadgroup

# Ansible finds a collection by its name only: the checkout is linked to where it looks.
LINK := .cache/collections/ansible_collections/phpfleet/remediation
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections

# One recipe line a tool, so that the output shows what is run.
RUN_PATH = PATH="$(CURDIR)/$(RUN)/bin:$$PATH"
LINT_PATH = PATH="$(CURDIR)/$(LINT)/bin:$$PATH"
TEST_PATH = PATH="$(CURDIR)/$(TEST)/bin:$$PATH"
MAKE_VENV := @tests/toolchain/make-venv
# A pid namespace of its own, for root; as on every host, somebody sleeps in it: a shell that waits.
OWN_PIDS := $(if $(filter 0,$(shell id -u)),unshare --pid --fork --kill-child --mount-proc sh -c '"$$@"; exit' sh)
SHELL_SCRIPTS = $$(git ls-files -co --exclude-standard | xargs grep -slzP '\A\#!.*[/ ](ba)?sh\b')

.PHONY: help environments demo audit lab-up lab-down bench build clean \
	test test-lint test-unit test-sanity test-molecule test-package test-integration test-fleet

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: $(RUN)/ready $(LINK) ## Boot the lab, break it, audit it, clean it, prove it
	@$(RUN_PATH) lab/demo

audit: $(RUN)/ready $(LINK) ## Audit this machine, read-only; what only root may see fails only root
	@$(RUN_PATH) ansible-playbook phpfleet.remediation.audit --inventory localhost, --connection local \
	    --extra-vars ansible_python_interpreter=$(CURDIR)/$(RUN)/bin/python \
	    --extra-vars phpfleet_audit_unknown_fails=$(if $(filter 0,$(shell id -u)),true,false)

lab-up: $(RUN)/ready $(LINK) ## Boot the lab: one balancer and N=3 web hosts
	@lab/lab up $(N)

lab-down: ## Take the lab down
	@lab/lab down

bench: $(RUN)/ready $(LINK) ## Measure side by side
	@for measurement in tests/bench/*.py; do $(RUN_PATH) python $$measurement; done

build: $(RUN)/ready ## Build the artefact into build/
	@$(RUN_PATH) tests/toolchain/build build

# Side by side, the longest first; the Molecule scenario is one of the fleet's tests.
test: environments $(LINK) ## Run every test
	@$(MAKE) --jobs $(JOBS) --output-sync=target $(SANITY) $(UNITS) test-lint test-package
	$(TEST_PATH) python -m pytest $(SIDE_BY_SIDE) tests/integration tests/fleet

test-lint: $(LINT)/ready $(LINK) ## Formatting, types, YAML, Ansible, documentation, shell
	@tests/toolchain/apt-packages shellcheck
	$(LINT_PATH) ruff check --output-format concise
	$(LINT_PATH) ruff format --check
	$(LINT_PATH) mypy
	$(LINT_PATH) yamllint --strict .
	$(LINT_PATH) ansible-lint --strict
	$(LINT_PATH) tests/toolchain/lint-docs
	$(LINT_PATH) antsibull-changelog lint
	shellcheck $(SHELL_SCRIPTS)

test-unit: environments $(LINK) ## Unit tests on every Python of a host, and on the controller's
	@$(MAKE) --jobs $(JOBS) --output-sync=target $(UNITS)

# The target "roles" runs the playbooks' roles under the oldest core on a host of the lab.
controller-oldest: LEFT_OUT = --ignore tests/unit/controller/test_playbooks.py

# Each in a pid namespace of its own, where a test sees no php-fpm of another run.
unit-%:
	@[ ! -e .venv/$@/ready ] || { echo "==> .venv/$@"; $(OWN_PIDS) .venv/$@/bin/python -m pytest -q tests/unit; }

controller-%:
	@[ ! -e .venv/$*/ready ] || { echo "==> .venv/$*"; $(OWN_PIDS) .venv/$*/bin/python -m pytest -q tests/unit/controller $(LEFT_OUT); }

# Side by side, because most of it is waiting for the package index.
environments:
	@tests/toolchain/apt-packages shellcheck tzdata
	@$(MAKE) --jobs 4 $(UNIT:%=%/ready) $(LINT)/ready $(OLDEST)/ready $(TEST)/ready

test-sanity: environments ## ansible-test sanity on the oldest and the newest ansible-core
	@$(MAKE) --jobs $(JOBS) --output-sync=target $(SANITY)

# Imports are tried under each core's own Python and under the oldest of a host; the tests are judged by the newest core,
# and so is style, by the newest pylint.
OWN_PYTHON = --python $$(.venv/$*/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
sanity-oldest: ON_WHAT = --exclude tests/ --skip-test pylint

sanity-import: sanity-oldest
	@! tests/toolchain/find-python 3.6 >/dev/null || tests/toolchain/sanity $(OLDEST) --python 3.6 --test import --test compile

sanity-%:
	@[ ! -e .venv/$*/ready ] || tests/toolchain/sanity .venv/$* $(OWN_PYTHON) $(ON_WHAT)

test-molecule: $(TEST)/ready $(LINK) ## The Molecule scenario on the lab
	$(TEST_PATH) molecule test

test-package: $(LINT)/ready $(OLDEST)/ready $(TEST)/ready ## Build, install and run what users install
	$(TEST_PATH) python -m pytest tests/package

test-integration: $(OLDEST)/ready $(TEST)/ready $(LINK) ## Each module on a real host
	$(TEST_PATH) python -m pytest tests/integration

test-fleet: $(TEST)/ready $(LINK) ## Scenarios over SSH on the lab
	$(TEST_PATH) python -m pytest $(SIDE_BY_SIDE) tests/fleet

clean: ## Remove what make made in the checkout (a lab is taken down by lab-down)
	rm -rf .venv .cache build

$(RUN)/ready: requirements.txt
	$(MAKE_VENV) $(@D) $< $(CONTROLLER_PYTHONS)

$(TEST)/ready: requirements-test.txt requirements-unit.txt requirements.txt
	$(MAKE_VENV) $(@D) $< $(CONTROLLER_PYTHONS)

$(LINT)/ready: requirements-lint.txt requirements.txt
	$(MAKE_VENV) $(@D) $< $(CONTROLLER_PYTHONS)

$(OLDEST)/ready: requirements-oldest.txt requirements-unit.txt
	$(MAKE_VENV) --or-skip $(@D) $< $(OLDEST_PYTHONS)

$(UNIT:%=%/ready): .venv/unit-%/ready: requirements-unit.txt
	$(MAKE_VENV) --or-skip $(@D) $< $*

$(LINK):
	@mkdir -p $(@D) && ln -sfn $(CURDIR) $@
