# Stopwatch. `make` alone lists what there is to do.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV := .venv
STAMP := $(VENV)/.stamp
# An environment remembers its device and its folder: copied elsewhere it is made again.
DEVICE ?= $(or $(firstword $(file <$(STAMP))),cpu)
MADE_FOR := $(DEVICE) $(CURDIR)

SUBMISSION ?= nadamw
RULESET ?= mini
ENGINE ?= local
STUDY ?= 1
TRIAL ?= 1
SEED ?=
VARIANT ?=
WORKLOADS ?=
A ?=
B ?=
SEEDS ?=
ARGS ?=
RESULTS ?= results/$(RULESET)
TARGET ?= cpu
BASE_IMAGE ?=
CHOICES = $(sort $(notdir $(patsubst %/workload.yaml,%,$(wildcard workloads/*/workload.yaml))))

.PHONY: help setup run workload-given study plan compare compared-given score calibrate leaderboard test test-docker test-all fuzz lint docs image lock clean FORCE

help: ## List the targets
	@echo 'Stopwatch: an honest referee for training algorithms. Start with:'
	@echo
	@echo '    make run WORKLOAD=mnist'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Install what is needed into .venv (DEVICE=gpu for CUDA); the other targets do it too

$(STAMP): requirements/$(DEVICE).lock requirements/dev.lock requirements/install.sh pyproject.toml \
		$(if $(filter-out $(MADE_FOR),$(file <$(STAMP))),FORCE)
	@PYTHON='$(PYTHON)' bash requirements/install.sh $(VENV) $(DEVICE) '$(MADE_FOR)'

FORCE:

run: workload-given $(STAMP) ## Run one trial: WORKLOAD=… [SUBMISSION=nadamw RULESET=mini STUDY=1 TRIAL=1 SEED= VARIANT= ENGINE=local|docker|auto ARGS=]
	@$(VENV)/bin/kit run --workload '$(WORKLOAD)' --submission '$(SUBMISSION)' --ruleset '$(RULESET)' \
		--study '$(STUDY)' --trial '$(TRIAL)' $(if $(SEED),--seed '$(SEED)') $(if $(VARIANT),--variant '$(VARIANT)') \
		$(if $(filter-out local,$(ENGINE)),--engine '$(ENGINE)' --build) $(ARGS)

workload-given:
	@$(if $(WORKLOAD),:,$(error Which workload? Say: make $(or $(firstword $(MAKECMDGOALS)),run) WORKLOAD=mnist. Choose one of: $(CHOICES)))

STUDY_OF = --submission '$(SUBMISSION)' --ruleset '$(RULESET)' $(if $(WORKLOADS),--workloads '$(WORKLOADS)')

study: $(STAMP) ## Run all trials owed, resumed where they stand: SUBMISSION=… [RULESET=mini WORKLOADS= ENGINE=local|docker|auto ARGS=]
	@$(VENV)/bin/kit study $(STUDY_OF) $(if $(filter-out local,$(ENGINE)),--engine '$(ENGINE)' --build) $(ARGS)

plan: $(STAMP) ## Show what `make study` with the same settings will run, and what it takes
	@$(VENV)/bin/kit plan $(STUDY_OF) $(ARGS)

compare: compared-given $(STAMP) ## Race two submissions in pairs with the same seeds: A=… B=… [RULESET=mini WORKLOADS= SEEDS=6 ARGS=]
	@$(VENV)/bin/kit compare '$(A)' '$(B)' --ruleset '$(RULESET)' $(if $(WORKLOADS),--workloads '$(WORKLOADS)') \
		$(if $(SEEDS),--seeds '$(SEEDS)') $(ARGS)

compared-given:
	@$(if $(and $(A),$(B)),:,$(error Which submissions? Say: make compare A=my_lion B=nadamw WORKLOADS=mnist))

score: $(STAMP) ## Score results: [RESULTS=results/mini ARGS=]; logs of AlgoPerf: ARGS='--ruleset algoperf-0.5'
	@$(VENV)/bin/kit score $(RESULTS) $(ARGS)

calibrate: workload-given $(STAMP) ## Set targets and budgets: WORKLOAD=… [VARIANT= RULESET=mini ARGS='--trials 5 --seeds 5']
	@$(VENV)/bin/kit calibrate --workload '$(WORKLOAD)' --ruleset '$(RULESET)' $(if $(VARIANT),--variant '$(VARIANT)') \
		$(if $(filter-out local,$(ENGINE)),--engine '$(ENGINE)' --build) $(ARGS)

leaderboard: $(STAMP) ## Run what the leaderboard of ruleset mini lacks and score it: [SUBMISSION=…, without it all]
	@bash benchmarks/leaderboard.sh $(if $(filter-out file,$(origin SUBMISSION)),'$(SUBMISSION)')

test: $(STAMP) ## Run the ordinary tests (minutes), two at a time; ARGS=… goes to pytest
	@$(VENV)/bin/python -m pytest -q -n 2 --dist worksteal -m 'not slow and not docker and not gpu and not browser' $(ARGS)

test-docker: image ## Run the tests that need a container engine, and the image first
	@$(VENV)/bin/python -m pytest -q -m 'docker and not slow and not gpu' $(ARGS)

test-all: $(STAMP) ## Run the slow tests too
	@$(VENV)/bin/python -m pytest -q -m 'not docker and not gpu' $(ARGS)

fuzz: $(STAMP) ## Feed every parser changed inputs, kill processes at random moments: [N=1000000 ARGS='--kills 34']
	@$(VENV)/bin/python -m tests.fuzz $(if $(N),--inputs '$(N)') $(ARGS)

lint: $(STAMP) ## Check style, format and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

docs: $(STAMP) ## Renew the generated parts of docs/workloads/ and their pictures
	@$(VENV)/bin/python docs/generate.py
	@$(VENV)/bin/python docs/draw_samples.py

image: $(STAMP) ## Build the container image and print its digest: [TARGET=cpu BASE_IMAGE=]
	@$(VENV)/bin/kit image build --target '$(TARGET)' $(if $(BASE_IMAGE),--base-image '$(BASE_IMAGE)')

lock: $(STAMP) ## Regenerate requirements/*.lock from *.in (UPGRADE=1 takes the newest versions)
	@UPGRADE='$(UPGRADE)' bash requirements/lock.sh $(VENV)/bin/uv

clean: ## Remove .venv and caches; records and prepared data stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find kit workloads submissions tests -name __pycache__ -type d -prune -exec rm -rf {} +
