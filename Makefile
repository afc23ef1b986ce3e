# physmem: everything one types. `make help` says what there is.

BOARD ?= MPS2_AN385
BOARDS := MPS2_AN385 MPS2_AN500 MPS2_AN505

MICROPYTHON_VERSION := 1.25.0+ds-1
MICROPYTHON_SHA256 := 7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea

PHYSMEM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/physmem
PYTEST_ARGS ?= -n 2 --dist loadgroup

BUILD := $(CURDIR)/build
PYTHON := $(BUILD)/venv/bin/python
MPY_CROSS := $(BUILD)/mpy-cross/mpy-cross
UNIX := $(BUILD)/UNIX/micropython
FIRMWARE = $(BOARDS:%=$(BUILD)/%/firmware.elf)

ifneq ($(words $(CURDIR)),1)
$(error physmem: the path of this folder contains a space, which MicroPython's makefiles cannot bear: move the folder)
endif

ifeq ($(filter $(BOARD),$(BOARDS)),)
$(error physmem: there is no board $(BOARD): give one of $(BOARDS) as BOARD=)
endif

ifeq ($(MICROPYTHON_DIR),)
TREE := $(BUILD)/micropython
TREE_CHECKED := $(BUILD)/micropython/.ready
else
TREE := $(abspath $(MICROPYTHON_DIR))
TREE_CHECKED := own_micropython
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test repl unix build bench bench-accept adversary placement soak mutation lint clean always packages own_micropython

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

run: $(BUILD)/$(BOARD)/firmware.elf $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) under QEMU and show frames being handed out
	@$(PYTHON) scripts/run.py $(BOARD)

test: build ## build everything, run every test on the host, on the unix port and on each board
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

repl: $(BUILD)/$(BOARD)/firmware.elf $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) under QEMU and open mpremote's REPL
	@$(PYTHON) scripts/repl.py $(BOARD)

unix: $(UNIX) ## open the REPL of MicroPython's unix port with physmem in it
	@$(UNIX)

build: $(UNIX) $(FIRMWARE) $(BUILD)/venv/.ready ## build the unix port and the firmware of each board

bench: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## count what the calls cost, write docs/bench.md, refuse what has grown by more than 2 %
	@$(PYTHON) scripts/bench.py

bench-accept: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## the same, and make the figures the ones that later runs are held against
	@$(PYTHON) scripts/bench.py --accept

adversary: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## search for the maps that cost most, write docs/worst_case.md
	@PYTHONPATH=scripts $(PYTHON) benchmarks/adversary.py $(ADVERSARY_ARGS)

placement: $(BUILD)/venv/.ready ## compare placement policies; write the figures and the plot of docs/placement.md
	@$(PYTHON) benchmarks/placement.py

soak: $(UNIX) $(BUILD)/venv/.ready ## hold 10,000,000 random calls of the unix port against a model; or OPERATIONS=number, or CHUNK=number
	@$(PYTHON) scripts/soak.py $(OPERATIONS:%=--operations %) $(CHUNK:%=--chunk %)

mutation: $(BUILD)/mutation/venv/.ready ## change the engine in every small way and see whether its tests notice; write docs/mutation.md
	@$(BUILD)/mutation/venv/bin/python scripts/mutation.py $(MUTATION_ARGS)

lint: $(BUILD)/venv/.ready ## check the style of the Python files, and that machine code stands where it may
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) scripts/check_native_code.py

clean: ## remove all that was built; downloads stay in the cache
	rm -rf $(BUILD)

always:

packages:
	@scripts/install_packages.sh $(BUILD)/packages.log

$(BUILD)/venv/.ready: requirements.txt | packages
	@scripts/make_venv.sh $(BUILD)/venv requirements.txt $(BUILD)/venv.log
	@touch $@

$(BUILD)/mutation/venv/.ready: requirements_mutation.txt | packages
	@scripts/make_venv.sh $(BUILD)/mutation/venv requirements_mutation.txt $(BUILD)/mutation.log
	@touch $@

$(BUILD)/micropython/.ready: | packages
	@scripts/fetch_micropython.sh $(MICROPYTHON_VERSION) $(MICROPYTHON_SHA256) $(PHYSMEM_CACHE) $(TREE)
	@touch $@

own_micropython:
	@scripts/check_micropython.sh $(TREE)

# Changes when another tree is named; what is in a tree of the user's is the user's to look after.
$(BUILD)/tree: $(TREE_CHECKED) always
	@mkdir -p $(BUILD); echo $(TREE) | cmp -s - $@ || echo $(TREE) >$@

$(MPY_CROSS): $(BUILD)/tree | packages
	@scripts/build.sh mpy-cross $(TREE) $(BUILD)

LIBRARY := $(wildcard lib/*.py firmware/*.py firmware/*.c) scripts/build.sh

$(UNIX): $(MPY_CROSS) $(LIBRARY) $(wildcard boards/UNIX/*)
	@scripts/build.sh UNIX $(TREE) $(BUILD)

define BOARD_RULE
$(BUILD)/$(1)/firmware.elf: $(MPY_CROSS) $(LIBRARY) $(wildcard boards/$(1)/* firmware/qemu/*) scripts/memory_map.py
	@scripts/build.sh $(1) $(TREE) $(BUILD)
endef
$(foreach board,$(BOARDS),$(eval $(call BOARD_RULE,$(board))))
