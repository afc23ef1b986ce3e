# physmem: everything one types. `make help` says what there is.

BOARD ?= MPS2_AN385
# The file in a board's folder that configures MicroPython says which port the board is for.
boards_with = $(patsubst boards/%/$(1),%,$(sort $(wildcard boards/*/$(1))))
QEMU_BOARDS := $(call boards_with,mpconfigboard.mk)
RP2_BOARDS := $(call boards_with,mpconfigboard.cmake)
# Those that the emulator of the RP2040 runs.
EMULATED_BOARDS := $(patsubst boards/%/mpconfigboard.cmake,%,$(shell grep -l 'PICO_PLATFORM rp2040' boards/*/mpconfigboard.cmake))
BOARDS := $(QEMU_BOARDS) $(RP2_BOARDS)

MICROPYTHON_VERSION := 1.25.0+ds-1
MICROPYTHON_SHA256 := 7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
PICO_SDK_VERSION := 2.1.1-1
PICO_SDK_SHA256 := 507a3ca37636641bc90239d7c04dc9dc28c5008087a8162102ea94d2273153d3
TINYUSB_VERSION := 0.18.0+dfsg-1
TINYUSB_SHA256 := 01ce2c645df68f14a8a7dcfc8fb355713152543757955820479a87949a61154e

PHYSMEM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/physmem
PYTEST_ARGS ?= -n 2 --dist loadgroup

BUILD := $(CURDIR)/build
PYTHON := $(BUILD)/venv/bin/python
MPY_CROSS := $(BUILD)/mpy-cross/mpy-cross
UNIX := $(BUILD)/UNIX/micropython
# What is built last for a board; a firmware.uf2 has a firmware.elf beside it.
QEMU_FIRMWARE := $(QEMU_BOARDS:%=$(BUILD)/%/firmware.elf)
RP2_FIRMWARE := $(RP2_BOARDS:%=$(BUILD)/%/firmware.uf2)
of_board = $(filter $(BUILD)/$(BOARD)/%,$(1))
# The firmware of BOARD for an emulator other than QEMU, and that emulator.
EMULATED_FIRMWARE := $(EMULATED_BOARDS:%=$(BUILD)/%/firmware.uf2)
EMULATOR = $(if $(filter $(BOARD),$(EMULATED_BOARDS)),$(BUILD)/rp2040/.ready)

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

ifneq ($(PICO_SDK_PATH),)
SDK := $(abspath $(PICO_SDK_PATH))
SDK_CHECKED := own_pico_sdk
else ifneq ($(and $(MICROPYTHON_DIR),$(wildcard $(TREE)/lib/pico-sdk/pico_sdk_init.cmake)),)
SDK := $(TREE)/lib/pico-sdk
SDK_CHECKED := own_pico_sdk
else
SDK := $(BUILD)/pico-sdk/usr/src/pico-sdk
SDK_CHECKED := $(BUILD)/pico-sdk/.ready
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test repl emulate flash firmware unix build bench bench-accept bench-heap adversary placement soak mutation lint clean always packages own_micropython own_pico_sdk

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

run: $(call of_board,$(QEMU_FIRMWARE) $(EMULATED_FIRMWARE)) $(EMULATOR) $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) in an emulator and show frames being handed out
	$(if $(filter $(BOARD),$(QEMU_BOARDS) $(EMULATED_BOARDS)),,$(error physmem: there is no emulator of $(BOARD): give one of $(QEMU_BOARDS) $(EMULATED_BOARDS) as BOARD=, or run make flash BOARD=$(BOARD)))
	@$(PYTHON) scripts/run.py $(BOARD)

test: build ## build everything, run every test on the host, on the unix port and on each board
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

repl: $(if $(PORT),,$(call of_board,$(QEMU_FIRMWARE))) $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) under QEMU and open mpremote's REPL; with PORT=/dev/ttyACM0 on the board there
	@$(PYTHON) scripts/repl.py $(BOARD) $(PORT)

emulate: $(call of_board,$(EMULATED_FIRMWARE)) $(EMULATOR) $(BUILD)/venv/.ready ## run the .uf2 of BOARD=RPI_PICO in the emulator of the RP2040 and open mpremote's REPL there
	$(if $(filter $(BOARD),$(EMULATED_BOARDS)),,$(error physmem: there is no emulator of the RP2040 for $(BOARD): give $(EMULATED_BOARDS) as BOARD=))
	@$(PYTHON) scripts/emulate.py $(BOARD)

firmware: $(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE)) ## build the firmware of BOARD alone: build/BOARD/firmware.elf, for boards of Raspberry Pi's chips .uf2 too
	@echo $(subst $(CURDIR)/,,$<)

flash: $(call of_board,$(RP2_FIRMWARE)) $(BUILD)/venv/.ready ## write the firmware of BOARD to the board that is in BOOTSEL mode, or with PORT=/dev/ttyACM0 to the one that runs there
	@$(PYTHON) scripts/flash.py $(BOARD) $(PORT)

unix: $(UNIX) ## open the REPL of MicroPython's unix port with physmem in it
	@$(UNIX)

build: $(UNIX) $(QEMU_FIRMWARE) $(RP2_FIRMWARE) $(BUILD)/rp2040/.ready $(BUILD)/venv/.ready ## build the unix port and the firmware of each board

bench: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## count what the calls cost, write docs/bench.md, refuse what has grown by more than 2 %
	@$(PYTHON) scripts/bench.py

bench-accept: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## the same, and make the figures the ones that later runs are held against
	@$(PYTHON) scripts/bench.py --accept

bench-heap: $(BUILD)/MPS2_AN505/firmware.elf $(BUILD)/RPI_PICO/firmware.uf2 $(BUILD)/rp2040/.ready $(BUILD)/venv/.ready ## count what collections cost with PSRAM in the heap and out of it, write docs/gc_heap.md
	@PYTHONPATH=scripts $(PYTHON) benchmarks/gc_heap.py

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

$(BUILD)/rp2040/.ready: $(wildcard scripts/rp2040/boot_rom/*) scripts/rp2040/package.json scripts/rp2040/build.sh | packages
	@scripts/rp2040/build.sh $(BUILD)
	@touch $@

$(BUILD)/micropython/.ready: | packages
	@scripts/fetch_micropython.sh $(MICROPYTHON_VERSION) $(MICROPYTHON_SHA256) $(PHYSMEM_CACHE) $(TREE)
	@touch $@

own_micropython:
	@scripts/check_micropython.sh $(TREE)

$(BUILD)/pico-sdk/.ready: | packages
	@scripts/fetch_pico_sdk.sh $(PICO_SDK_VERSION) $(PICO_SDK_SHA256) $(TINYUSB_VERSION) $(TINYUSB_SHA256) \
		$(PHYSMEM_CACHE) $(BUILD)/pico-sdk
	@touch $@

own_pico_sdk: $(TREE_CHECKED)
	@scripts/check_pico_sdk.sh $(SDK) $(TREE)

# These change when another tree is named; what is in a tree of the user's is the user's to look after.
$(BUILD)/tree: $(TREE_CHECKED) always
	@mkdir -p $(BUILD); echo $(TREE) | cmp -s - $@ || echo $(TREE) >$@

$(BUILD)/sdk: $(SDK_CHECKED) always
	@mkdir -p $(BUILD); echo $(SDK) | cmp -s - $@ || echo $(SDK) >$@

$(MPY_CROSS): $(BUILD)/tree | packages
	@scripts/build.sh mpy-cross $(TREE) $(BUILD)

LIBRARY := $(wildcard lib/*.py firmware/*.py firmware/*.c) scripts/build.sh

$(UNIX): $(MPY_CROSS) $(LIBRARY) $(wildcard boards/UNIX/*)
	@scripts/build.sh UNIX $(TREE) $(BUILD)

define QEMU_RULE
$(BUILD)/$(1)/firmware.elf: $(MPY_CROSS) $(LIBRARY) $(wildcard boards/$(1)/* firmware/qemu/*) scripts/memory_map.py
	@scripts/build.sh $(1) $(TREE) $(BUILD)
endef
$(foreach board,$(QEMU_BOARDS),$(eval $(call QEMU_RULE,$(board))))

define RP2_RULE
$(BUILD)/$(1)/firmware.uf2: $(MPY_CROSS) $(BUILD)/sdk $(LIBRARY) $(wildcard boards/$(1)/* firmware/rp2/*) scripts/memory_map.py
	@scripts/build.sh $(1) $(TREE) $(BUILD) $(SDK)
endef
$(foreach board,$(RP2_BOARDS),$(eval $(call RP2_RULE,$(board))))
