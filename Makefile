# The set-up of each target is part of it: apt packages when missing, virtual environments under .venv/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Newest first. ansible-core follows the Python: 2.21 on 3.12 and newer, 2.19 on 3.11 (requirements.txt).
CONTROLLER_PYTHONS := 3.13 3.12 3.11
# ansible-core 2.16, the oldest supported, runs on these.
OLDEST_PYTHONS := 3.11 3.12 3.10
# What hosts have: EL8's 3.6, Ubuntu 20.04's 3.8, Debian 12's 3.11, Debian 13's 3.13.
UNIT_PYTHONS := 3.6 3.8 3.11 3.13
UNIT_READY := $(UNIT_PYTHONS:%=.venv/unit-%/ready)

LINK := .cache/collections/ansible_collections/phpfleet/remediation
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections

MAKE_VENV := tests/toolchain/make-venv

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/run/ready: requirements.txt
	@$(MAKE_VENV) .venv/run requirements.txt $(CONTROLLER_PYTHONS)

.venv/test/ready: requirements-test.txt requirements-unit.txt requirements.txt
	@$(MAKE_VENV) .venv/test requirements-test.txt $(CONTROLLER_PYTHONS)

.venv/oldest/ready: requirements-oldest.txt requirements-unit.txt
	@$(MAKE_VENV) --or-skip .venv/oldest requirements-oldest.txt $(OLDEST_PYTHONS)

$(UNIT_READY): .venv/unit-%/ready: requirements-unit.txt
	@$(MAKE_VENV) --or-skip .venv/unit-$* requirements-unit.txt $*

$(LINK):
	@mkdir -p $(@D) && ln -sfn $(CURDIR) $@

.PHONY: test-unit
test-unit: $(UNIT_READY) .venv/oldest/ready .venv/test/ready $(LINK) ## Unit tests on every Python, and on both ansible-core
	@for venv in $(UNIT_PYTHONS:%=.venv/unit-%); do \
	    [ ! -e $$venv/ready ] || { echo "==> $$venv"; $$venv/bin/python -m pytest tests/unit; }; \
	done
	@for venv in .venv/oldest .venv/test; do \
	    [ ! -e $$venv/ready ] || { echo "==> $$venv"; $$venv/bin/python -m pytest tests/unit/controller; }; \
	done
