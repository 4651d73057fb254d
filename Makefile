# A thin layer over meson and the scripts in tools/. `make help` lists everything.
.DEFAULT_GOAL := help
.PHONY: help run test build bench sim torture lint deps

SUITE ?= core
SEEDS ?= 1000
SEED_BASE ?= 1
PYTHON := /usr/bin/python3
HOLDFAST := build/gcc/src/app/holdfast

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: deps build/gcc/build.ninja ## four regions on this machine; Ctrl-C stops them
	@ninja -C build/gcc --quiet src/app/holdfast
	@exec $(HOLDFAST) playground --dir .playground

test: ## everything: gcc, clang, ASan+UBSan, TSan, fuzz smoke, end to end
	@exec tools/test.sh

build: deps build/gcc/build.ninja ## compile with gcc into build/gcc
	@ninja -C build/gcc --quiet

bench: ## measure beside redis and nginx: make bench [SUITE=core]
	@tools/deps.sh
	@tools/deps.sh bench
	@$(MAKE) --no-print-directory build
	@exec bench/run $(SUITE)

sim: deps build/gcc/build.ninja ## simulate failovers: make sim [SEEDS=1000] [SEED_BASE=1] [MUTANTS=1]
	@ninja -C build/gcc --quiet test/sim/nodes/holdfast-sim
	@exec build/gcc/test/sim/nodes/holdfast-sim --seed $(SEED_BASE) --jobs $$(nproc) \
		$(if $(MUTANTS),--mutants,--count $(SEEDS) --shrink)

torture: deps build/gcc/build.ninja ## real faults on four regions: make torture [ONLY=1,6] [SEED=N] [JSON=1]
	@ninja -C build/gcc --quiet src/app/holdfast
	@exec $(PYTHON) test/torture/torture.py $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json)

lint: deps ## the tidy rules: includes, banned calls, lengths, dead files
	@$(PYTHON) tools/tidy.py

deps: ## install the Debian packages that are missing
	@tools/deps.sh

build/gcc/build.ninja: | deps
	@mkdir -p build
	@CC=gcc meson setup build/gcc >build/setup.log || { cat build/setup.log; exit 1; }
