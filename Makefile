# physmem: every command you type. `make help` lists them.

BOARD ?= MPS2_AN385
# The file that configures MicroPython in a board's folder includes firmware/PORT/board.mk or .cmake.
boards_with = $(patsubst boards/%/,%,$(sort $(dir $(shell grep -l '$(1)' boards/*/mpconfigboard.*))))
MPS2_BOARDS := $(call boards_with,/firmware/qemu/board)
RP2_BOARDS := $(call boards_with,/firmware/rp2/board)
STM32_BOARDS := $(call boards_with,/firmware/stm32/board)
# Boards of ports/stm32 whose firmware is made for QEMU. The others need ST's drivers, which only a checkout has.
STM32_QEMU_BOARDS := $(call boards_with,/firmware/stm32/stand_ins/)
STM32_CHIP_BOARDS := $(filter-out $(STM32_QEMU_BOARDS),$(STM32_BOARDS))
QEMU_BOARDS := $(MPS2_BOARDS) $(STM32_QEMU_BOARDS)
BOARDS := $(MPS2_BOARDS) $(RP2_BOARDS) $(STM32_BOARDS)

MICROPYTHON_VERSION := 1.25.0+ds-1
MICROPYTHON_SHA256 := 7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
PICO_SDK_VERSION := 2.1.1-1
PICO_SDK_SHA256 := 507a3ca37636641bc90239d7c04dc9dc28c5008087a8162102ea94d2273153d3
TINYUSB_VERSION := 0.18.0+dfsg-1
TINYUSB_SHA256 := 01ce2c645df68f14a8a7dcfc8fb355713152543757955820479a87949a61154e
STM32F4_HAL := @micro-os-plus/platform-stm32f4discovery
STM32F4_HAL_VERSION := 3.3.1
BIOME_VERSION := 2.6.8
GRAPHVIZ_VERSION := 1.29.2

PHYSMEM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/physmem
export CCACHE_DIR ?= $(PHYSMEM_CACHE)/compiled
RELEASES ?= bookworm trixie
# One worker more than there are cores, as tests wait for boards whose clocks run in real time.
PYTEST_ARGS ?= -n $(shell expr $$(nproc) + 1)

BUILD := $(CURDIR)/build
PYTHON := $(BUILD)/venv/bin/python
# Groups start in the order that conftest.py gives them. Python keeps what it has compiled, whatever the caller's shell
# says: to compile the tests and the emulators again takes longer than many a test.
PYTEST := env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(BUILD)/pycache $(PYTHON) -m pytest --dist loadgroup --no-loadscope-reorder
# Starts a module of these folders with the Python $(1); pyproject.toml has them for pytest.
module = PYTHONPATH=$(CURDIR)/scripts:$(CURDIR)/benchmarks:$(CURDIR)/tests_host:$(CURDIR)/tests_target $(1) -m
MPY_CROSS := $(BUILD)/mpy-cross/mpy-cross
UNIX := $(BUILD)/UNIX/micropython
# The unix port as it is on a host for which MicroPython has no machine code emitter, and MicroPython that others built.
UNIX_BYTECODE := $(BUILD)/UNIX_BYTECODE/micropython
WEBASSEMBLY := @micropython/micropython-webassembly-pyscript
WEBASSEMBLY_VERSION := 1.29.0-6
# The page that runs physmem in a browser.
PAGE := $(BUILD)/browser/index.html
WEB_PORT ?= 8000
# A board of each chip with two cores, and their emulators.
BOTH_CHIPS := $(BUILD)/RPI_PICO/firmware.uf2 $(BUILD)/RPI_PICO2/firmware.uf2 $(BUILD)/rp2040/.ready $(BUILD)/rp2350/.ready
# The last file built for each board; firmware.elf lies beside each firmware.uf2.
QEMU_FIRMWARE := $(QEMU_BOARDS:%=$(BUILD)/%/firmware.elf)
RP2_FIRMWARE := $(RP2_BOARDS:%=$(BUILD)/%/firmware.uf2)
of_board = $(filter $(BUILD)/$(BOARD)/%,$(1))
# MicroPython's own boards, without physmem.
STOCK_RP2_BOARDS := $(patsubst firmware/stock/%/mpconfigboard.cmake,%,$(wildcard firmware/stock/*/mpconfigboard.cmake))
STOCK_FIRMWARE := $(BUILD)/stock/MPS2_AN385/firmware.elf $(STOCK_RP2_BOARDS:%=$(BUILD)/stock/%/firmware.uf2)
BENCH_NEEDS := $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/NETDUINO_PLUS_2/firmware.elf $(BUILD)/RPI_PICO/firmware.uf2 $(STOCK_FIRMWARE) $(BUILD)/rp2040/.ready $(BUILD)/venv/.ready
HEAP_NEEDS := $(BUILD)/MPS2_AN505/firmware.elf $(BUILD)/RPI_PICO/firmware.uf2 $(BUILD)/PIMORONI_PICO_PLUS2/firmware.uf2 $(BUILD)/rp2040/.ready $(BUILD)/rp2350/.ready $(BUILD)/venv/.ready
PROOF_NEEDS := $(BUILD)/MPS2_AN385/firmware.elf $(MPY_CROSS) $(BUILD)/proof/venv/.ready
PROOF := $(BUILD)/proof/venv/bin/python -m
PROOF_TEST_ARGS ?= -n $(shell nproc)
# The emulator of an rp2 BOARD.
EMULATOR = $(if $(filter $(BOARD),$(RP2_BOARDS)),$(BUILD)/$(if $(filter $(BOARD),$(call boards_with,PICO_PLATFORM rp2040)),rp2040,rp2350)/.ready)

# What make test-board runs on: a BOARD that you have named must be the one at PORT.
BOARD_TESTED = $(or $(TARGETS),$(if $(PORT),$(if $(filter file,$(origin BOARD)),,$(BOARD)@)$(PORT),$(BOARD)))
BOARD_TEST_NEEDS = $(if $(TARGETS)$(PORT),,$(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE)) $(EMULATOR)) \
	$(MPY_CROSS) $(BUILD)/dist/.packages $(if $(findstring labgrid:,$(TARGETS)),$(BUILD)/farm/.ready) $(BUILD)/venv/.ready

ifneq ($(words $(CURDIR)),1)
$(error physmem: the path of this folder contains a space, and MicroPython's makefiles cannot handle that: move the folder to a path without spaces)
endif

ifeq ($(filter $(BOARD),$(BOARDS)),)
$(error physmem: there is no board $(BOARD): set BOARD= to one of $(BOARDS))
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

# Only a checkout has ST's drivers.
ifneq ($(wildcard $(TREE)/lib/stm32lib/CMSIS/.),)
STM32_CHIP_FIRMWARE := $(STM32_CHIP_BOARDS:%=$(BUILD)/%/firmware.elf)
endif
export MICROPYTHON_DIR

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
ifeq ($(PRODUCTS_AT_A_TIME),)
.NOTPARALLEL:
endif
.PHONY: help run test check check-release test-board test-farm durations tiers-table repl map browser browser-serve pictures emulate flash firmware unix build products mip dist bench bench-accept bench-heap adversary placement two-cores stack-depth stock-memory studies-test boards-page call-places-page errors-page soak storm matrix mutation proof proof-test proof-replay proof-mutants proof-limits docs lint format hooks architecture fresh clean always packages chromium own_micropython own_pico_sdk

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

run: $(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE)) $(EMULATOR) $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) in an emulator and run the demonstration, or EXAMPLE=examples/dma_ring.py alone; a board with PSRAM also with PSRAM=0, 2M or 4M
	$(if $(filter $(BOARD),$(QEMU_BOARDS) $(RP2_BOARDS)),,$(error physmem: there is no emulator for $(BOARD): set BOARD= to one of $(QEMU_BOARDS) $(RP2_BOARDS), or run make flash BOARD=$(BOARD) to use a real board))
	@$(PYTHON) scripts/run.py $(BOARD) $(EXAMPLE:%=--example=%) $(PSRAM:%=--psram=%)

test: build browser chromium ## build everything, then run the tests on the host, the unix port and each board
	@$(PYTEST) $(PYTEST_ARGS) --tier test

check: build browser chromium $(BUILD)/docs/venv/.ready $(BUILD)/farm/.ready ## run what make test leaves out: more boards, exhaustive, long; CONTRIBUTING.md has the list
	@$(PYTEST) $(PYTEST_ARGS) --tier check

check-release: build browser chromium ## before a release, run what both leave out: each board with each file, and the longest
	@$(PYTEST) $(PYTEST_ARGS) --tier release

test-board: $(BOARD_TEST_NEEDS) ## run the target tests on BOARD (MPS2_AN385) in its emulator; with PORT=/dev/ttyACM0, on the real board there; TARGETS="/dev/ttyACM0 rp2350" for several at once; TIER=test for fewer tests, FILES="tests_target/test_boot.py" for some files
	@$(PYTEST) -n $(words $(BOARD_TESTED)) $(TIER:%=--tier %) $(or $(FILES),tests_target) $(BOARD_TESTED:%=--target=%)

test-farm: build $(BUILD)/farm/.ready ## run the target tests, as test-board does, on a rack of emulated boards that labgrid serves; FARM="MPS2_AN385 RPI_PICO" are its boards
	@$(call module,$(PYTHON)) campaigns.farm $(FARM:%=--board %) $(TIER:%=--tier %) $(FILES)

durations: build browser chromium $(BUILD)/docs/venv/.ready $(BUILD)/farm/.ready ## run all tiers and write how long each group of tests takes, by which they are sorted
	@$(PYTEST) $(PYTEST_ARGS) --tier test --record-durations
	@$(PYTEST) $(PYTEST_ARGS) --tier check --record-durations
	@$(PYTEST) $(PYTEST_ARGS) --tier release --record-durations

tiers-table: $(BUILD)/venv/.ready ## write which tests run where into CONTRIBUTING.md
	@$(call module,$(PYTHON)) harness.tiers_table

repl: $(if $(PORT),,$(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE)) $(EMULATOR)) $(BUILD)/venv/.ready ## boot BOARD (MPS2_AN385) in an emulator and open mpremote's REPL; with PORT=/dev/ttyACM0, open it on the real board there; PSRAM= as for run
	@$(PYTHON) scripts/repl.py $(BOARD) $(PORT) $(PSRAM:%=--psram=%)

browser: $(PAGE) ## make the page that runs physmem in a browser: static files in build/browser, see docs/browser.md
	@echo $(subst $(CURDIR)/,,$(dir $(PAGE)))

browser-serve: $(PAGE) ## serve that page to a browser on this machine, at http://127.0.0.1:8000; or set WEB_PORT=number
	@python3 -m http.server --bind 127.0.0.1 --directory $(dir $(PAGE)) $(WEB_PORT)

emulate: $(call of_board,$(RP2_FIRMWARE)) $(EMULATOR) $(BUILD)/venv/.ready ## make repl without PORT, for RP2040 and RP2350 boards: run the .uf2 file that you would flash
	$(if $(filter $(BOARD),$(RP2_BOARDS)),,$(error physmem: no emulator can run the .uf2 file of $(BOARD): set BOARD= to one of $(RP2_BOARDS)))
	@$(PYTHON) scripts/repl.py $(BOARD) $(PSRAM:%=--psram=%)

firmware: $(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE) $(STM32_BOARDS:%=$(BUILD)/%/firmware.elf)) ## build only the firmware of BOARD: build/BOARD/firmware.elf, and firmware.uf2 for RP2040 and RP2350 boards, firmware.dfu for STM32 boards
	@echo $(subst $(CURDIR)/,,$<)

flash: $(call of_board,$(RP2_FIRMWARE) $(STM32_CHIP_BOARDS:%=$(BUILD)/%/firmware.elf)) $(BUILD)/venv/.ready ## write the firmware of BOARD to a board in BOOTSEL or DFU mode, or with PORT=/dev/ttyACM0 to the board running there; STM32: PROGRAMMER=dfu or stlink
	@$(PYTHON) scripts/flash.py $(BOARD) $(PORT) $(PROGRAMMER:%=--programmer=%)

map: $(if $(PORT),,$(call of_board,$(QEMU_FIRMWARE) $(RP2_FIRMWARE)) $(EMULATOR)) $(BUILD)/venv/.ready ## show every frame of BOARD (MPS2_AN385), booted in an emulator, live in the terminal; with PORT=/dev/ttyACM0, of the real board there; MAP_ARGS="--once --html FILE", see docs/map.md
	@$(call module,$(PYTHON)) look.main $(BOARD) $(PORT:%=--port=%) $(PSRAM:%=--psram=%) $(MAP_ARGS)

pictures: $(BUILD)/PIMORONI_PICO_PLUS2/firmware.uf2 $(BUILD)/rp2350/.ready $(PAGE) $(BUILD)/venv/.ready chromium ## make the pictures of docs/map.md and docs/browser.md again
	@$(call module,$(PYTHON)) look.pictures
	@$(call module,$(PYTHON)) browser_page.picture $(dir $(PAGE)) docs/browser.png

unix: $(UNIX) ## open the REPL of MicroPython's unix port with physmem built in
	@$(UNIX)

# Two products at a time: each has long steps that only one of the processor's cores can do. The longest start first.
build: $(MPY_CROSS) $(BUILD)/sdk $(BUILD)/webassembly/.ready $(BUILD)/rp2040/.ready $(BUILD)/rp2350/.ready $(BUILD)/venv/.ready ## build the unix port, the firmware of each board, and the packages
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target PRODUCTS_AT_A_TIME=2 products

products: $(RP2_FIRMWARE) $(STOCK_FIRMWARE) $(STM32_CHIP_FIRMWARE) $(QEMU_FIRMWARE) $(UNIX) $(UNIX_BYTECODE) $(BUILD)/dist/.packages

mip: $(BUILD)/dist/.packages ## make the packages for mpremote mip install: build/dist/mip/arm for ARM, build/dist/mip/source for other machines
	@ls -d build/dist/mip/*

dist: $(BUILD)/dist/.packages $(RP2_FIRMWARE) $(STM32_CHIP_FIRMWARE) docs ## make a release in build/dist: packages for mpremote mip install and for manifests, firmware, the site, release page, checksums
	@$(call module,python3) packages.release $(BUILD) $(RP2_FIRMWARE) $(STM32_CHIP_FIRMWARE:.elf=.dfu)

bench: $(BENCH_NEEDS) ## count what each call costs, write docs/bench.md, and fail if a figure has grown by more than 2 %
	@$(call module,$(PYTHON)) bench.main

bench-accept: $(BENCH_NEEDS) ## run the bench and make its figures the baseline for later runs
	@$(call module,$(PYTHON)) bench.main --accept

bench-heap: $(HEAP_NEEDS) ## count what garbage collections cost with and without PSRAM in the heap, and write docs/gc_heap.md
	@$(call module,$(PYTHON)) studies.gc_heap

adversary: $(BUILD)/MPS2_AN385/firmware.elf $(BUILD)/venv/.ready ## search for the bitmaps that cost most, and write docs/worst_case.md
	@$(call module,$(PYTHON)) studies.adversary $(ADVERSARY_ARGS)

placement: $(BUILD)/venv/.ready ## compare placement policies, and write the figures and the plot of docs/placement.md
	@$(call module,$(PYTHON)) studies.placement

two-cores: $(BOTH_CHIPS) $(BUILD)/venv/.ready ## count what a raw call costs with the lock of two cores, for docs/two_cores.md
	@$(call module,$(PYTHON)) studies.two_cores

stack-depth: $(BOTH_CHIPS) $(BUILD)/venv/.ready ## count how deep in calls a program on a Pico or Pico 2 may be when an interrupt comes, for docs/lifecycle.md
	@$(call module,$(PYTHON)) studies.stack_depth

stock-memory: $(BOTH_CHIPS) $(STOCK_FIRMWARE) $(BUILD)/dist/.packages $(BUILD)/venv/.ready ## count what is left of the heap of a stock Pico and Pico 2, for docs/stock_firmware.md
	@$(call module,$(PYTHON)) studies.stock_memory

studies-test: $(HEAP_NEEDS) ## test what make placement and make bench-heap wrote
	@$(PYTHON) -m pytest benchmarks/studies

boards-page: $(RP2_FIRMWARE) $(STM32_CHIP_FIRMWARE) $(BUILD)/venv/.ready ## write what each flashable board has in memory into docs/boards.md
	@$(PYTHON) scripts/boards_page.py

call-places-page: $(BUILD)/venv/.ready ## write what each call does in each place into docs/where_to_call.md
	@$(call module,$(PYTHON)) call_places_page

errors-page: $(BUILD)/venv/.ready ## write every message of an error, with what to do, into docs/errors.md
	@$(call module,$(PYTHON)) errors.page

soak: $(UNIX) $(BUILD)/venv/.ready ## compare 10,000,000 random calls on the unix port with a model; or set OPERATIONS=number or CHUNK=number
	@$(call module,$(PYTHON)) campaigns.soak $(OPERATIONS:%=--operations %) $(CHUNK:%=--chunk %)

storm: $(BUILD)/MPS2_AN385/firmware.elf $(BOTH_CHIPS) $(BUILD)/venv/.ready ## allocate by object in a timer handler 300,000 times while the program does the same, on three boards; or set CALLS=number
	@$(call module,$(PYTHON)) campaigns.storm $(CALLS:%=--calls %)

matrix: $(BUILD)/stm32f4_hal/.ready $(BUILD)/rp2040/.ready $(BUILD)/rp2350/.ready $(BUILD)/venv/.ready ## build and test with each MicroPython checkout in the folder TREES, and write docs/micropython_versions.md; MATRIX_BOARDS="RPI_PICO UNIX" and MATRIX_TESTS="test_boot or test_dma" narrow it
	@$(call module,$(PYTHON)) campaigns.matrix $(TREES) $(if $(MATRIX_BOARDS),--boards $(MATRIX_BOARDS)) $(if $(MATRIX_TESTS),--tests "$(MATRIX_TESTS)")

mutation: $(BUILD)/mutation/venv/.ready ## make every small change to the engine, see whether its tests notice, and write docs/mutation.md
	@$(call module,$(BUILD)/mutation/venv/bin/python) campaigns.mutation $(MUTATION_ARGS)

proof: $(PROOF_NEEDS) ## prove the machine code of the calls, for every state: docs/proof.md; QUICK=1 for regions of up to two words, DEPTH=4 for more than three, ONLY="FEW, 1" for theorems whose names contain this text
	@$(PROOF) proof $(if $(QUICK),--quick) $(DEPTH:%=--depth %) $(if $(ONLY),--only "$(ONLY)")

proof-test: $(PROOF_NEEDS) ## test the proof itself: its interpreter, its specification and its examples
	@$(PROOF) pytest $(PROOF_TEST_ARGS) proof/tests

proof-replay: $(PROOF_NEEDS) ## plant a fault in each room of the assembler, and show what the proof finds on CPython and in QEMU; ROOM=few for one room
	@$(PROOF) proof.faults.replay $(ROOM:%=--room %)

proof-mutants: $(PROOF_NEEDS) ## change one instruction at a time, see whether the proof notices, and write docs/proof_mutants.md
	@$(PROOF) proof.faults.mutants

proof-limits: $(PROOF_NEEDS) ## write the most instructions that each call may take, as proven, into docs/worst_case.md
	@$(PROOF) proof.worst

docs: $(BUILD)/venv/.ready $(BUILD)/docs/venv/.ready ## make the site of docs/ and of the reference in build/docs/html; a warning of Sphinx is an error
	@$(call module,$(PYTHON)) reference.make $(BUILD)/docs $(BUILD)/docs/venv/bin/python

lint: $(BUILD)/lint/.ready ## check the style of every file; CHECK="spelling words" runs these checks alone
	@$(BUILD)/lint/venv/bin/python scripts/lint.py $(CHECK)

format: $(BUILD)/lint/.ready ## correct what the checks of make lint can correct by themselves
	@$(BUILD)/lint/venv/bin/python scripts/lint.py --fix $(CHECK)

hooks: $(BUILD)/lint/.ready ## have git run the checks of make lint before each commit in this checkout
	@$(BUILD)/lint/venv/bin/pre-commit install

architecture: $(BUILD)/architecture/.ready ## draw docs/architecture.svg from the imports of lib/
	@python3 scripts/architecture.py

fresh: ## as root: run make run and make test in a bare Debian 12 and in a bare Debian 13; or set RELEASES=trixie
	@scripts/fresh.sh $(BUILD) $(RELEASES)

clean: ## remove everything that was built; downloads stay in the cache
	rm -rf $(BUILD)

always:

packages:
	@scripts/install_packages.sh $(BUILD)/packages.log

# For the tests of pages and for their pictures alone: nothing else needs it, and it is large.
chromium: | packages
	@scripts/install_packages.sh $(BUILD)/chromium.log chromium chromium-driver:chromedriver

$(BUILD)/venv/.ready: requirements.txt | packages
	@scripts/make_venv.sh $(BUILD)/venv requirements.txt $(BUILD)/venv.log
	@touch $@

$(BUILD)/mutation/venv/.ready: requirements_mutation.txt | packages
	@scripts/make_venv.sh $(BUILD)/mutation/venv requirements_mutation.txt $(BUILD)/mutation.log
	@touch $@

$(BUILD)/proof/venv/.ready: requirements_proof.txt requirements.txt | packages
	@scripts/make_venv.sh $(BUILD)/proof/venv requirements_proof.txt $(BUILD)/proof.log
	@touch $@

$(BUILD)/docs/venv/.ready: requirements_docs.txt | packages
	@scripts/make_venv.sh $(BUILD)/docs/venv requirements_docs.txt $(BUILD)/docs.log
	@touch $@

# labgrid serves a board's serial port with ser2net.
$(BUILD)/farm/.ready: requirements_farm.txt | packages
	@scripts/install_packages.sh $(BUILD)/packages.log ser2net:/usr/sbin/ser2net
	@scripts/make_venv.sh $(BUILD)/farm/venv requirements_farm.txt $(BUILD)/farm.log
	@touch $@

$(BUILD)/lint/.ready: requirements_lint.txt scripts/install_from_npm.sh | packages
	@scripts/make_venv.sh $(BUILD)/lint/venv requirements_lint.txt $(BUILD)/lint.log
	@scripts/install_from_npm.sh @biomejs/biome $(BIOME_VERSION) $(BUILD)/lint $(BUILD)/biome.log
	@touch $@

$(BUILD)/architecture/.ready: scripts/install_from_npm.sh | packages
	@scripts/install_from_npm.sh @hpcc-js/wasm-graphviz $(GRAPHVIZ_VERSION) $(BUILD)/architecture $(BUILD)/architecture.log
	@touch $@

$(BUILD)/rp2040/.ready: $(wildcard emulators/rp2040/boot_rom/*) emulators/launch_core_1.S emulators/rp2040/package.json emulators/rp2040/build.sh | packages
	@emulators/rp2040/build.sh $(BUILD)
	@touch $@

$(BUILD)/rp2350/.ready: emulators/launch_core_1.S $(wildcard emulators/rp2350/boot_rom/* emulators/rp2350/*.[ch]) emulators/rp2350/build.sh $(BUILD)/venv/.ready | packages
	@emulators/rp2350/build.sh $(BUILD)
	@touch $@

$(BUILD)/micropython/.ready: | packages
	@scripts/fetch_sources.sh micropython $(MICROPYTHON_VERSION) $(MICROPYTHON_SHA256) $(PHYSMEM_CACHE) $(TREE)
	@touch $@

own_micropython:
	@scripts/check_checkout.sh micropython $(TREE)

$(BUILD)/pico-sdk/.ready: | packages
	@scripts/fetch_sources.sh pico-sdk $(PICO_SDK_VERSION) $(PICO_SDK_SHA256) $(TINYUSB_VERSION) $(TINYUSB_SHA256) \
		$(PHYSMEM_CACHE) $(BUILD)/pico-sdk
	@touch $@

own_pico_sdk: $(TREE_CHECKED)
	@scripts/check_checkout.sh pico-sdk $(SDK) $(TREE)

# These files change when you name another tree. Changes inside your own tree are not noticed.
$(BUILD)/tree: $(TREE_CHECKED) always
	@mkdir -p $(BUILD); echo $(TREE) | cmp -s - $@ || echo $(TREE) >$@

$(BUILD)/sdk: $(SDK_CHECKED) always
	@mkdir -p $(BUILD); echo $(SDK) | cmp -s - $@ || echo $(SDK) >$@

$(MPY_CROSS): $(BUILD)/tree | packages
	@scripts/build.sh mpy-cross $(TREE) $(BUILD)

BYTECODE := $(wildcard firmware/bytecode/*.py) scripts/bytecode_twins.py
LIBRARY := $(wildcard lib/*.py firmware/*.py firmware/*.c firmware/thumb/*.py) scripts/build.sh scripts/expand_thumb.py \
	scripts/thumb_rooms.py

$(BUILD)/dist/.packages: $(BYTECODE) $(MPY_CROSS) $(LIBRARY) $(wildcard scripts/packages/*.py scripts/stubs/*.py typings/*.pyi)
	@python3 scripts/expand_thumb.py lib firmware/thumb $(BUILD)/thumb
	@$(call module,python3) packages.make $(BUILD)
	@touch $@

$(UNIX): $(MPY_CROSS) $(LIBRARY) $(BYTECODE) $(wildcard boards/UNIX/*)
	@scripts/build.sh UNIX $(TREE) $(BUILD)

$(UNIX_BYTECODE): $(MPY_CROSS) $(LIBRARY) $(BYTECODE) $(wildcard boards/UNIX/*)
	@scripts/build.sh UNIX_BYTECODE $(TREE) $(BUILD)

$(BUILD)/webassembly/.ready: scripts/install_from_npm.sh | packages
	@scripts/install_from_npm.sh $(WEBASSEMBLY) $(WEBASSEMBLY_VERSION) $(BUILD)/webassembly $(BUILD)/webassembly.log
	@touch $@

$(BUILD)/browser_tools/.ready: docs/browser/package.json scripts/install_node_modules.sh | packages
	@scripts/install_node_modules.sh $< $(BUILD)/browser_tools $(BUILD)/browser_tools.log
	@touch $@

$(PAGE): $(BUILD)/dist/.packages $(BUILD)/webassembly/.ready $(BUILD)/browser_tools/.ready scripts/browser_page/make.py \
		$(wildcard docs/browser/*.* docs/browser/examples/*.py examples/*.py scripts/look/*.*)
	@$(call module,python3) browser_page.make $(BUILD)

define QEMU_RULE
$(BUILD)/$(1)/firmware.elf: $(MPY_CROSS) $(LIBRARY) $(wildcard boards/$(1)/* firmware/qemu/*) scripts/memory_map_header.py
	@scripts/build.sh $(1) $(TREE) $(BUILD)
endef
$(foreach board,$(MPS2_BOARDS),$(eval $(call QEMU_RULE,$(board))))

define RP2_RULE
$(BUILD)/$(1)/firmware.uf2: $(MPY_CROSS) $(BUILD)/sdk $(LIBRARY) $(wildcard boards/$(1)/* firmware/rp2/*) scripts/memory_map_header.py
	@scripts/build.sh $(1) $(TREE) $(BUILD) $(SDK)
endef
$(foreach board,$(RP2_BOARDS),$(eval $(call RP2_RULE,$(board))))

$(BUILD)/stm32f4_hal/.ready: scripts/install_from_npm.sh | packages
	@scripts/install_from_npm.sh $(STM32F4_HAL) $(STM32F4_HAL_VERSION) $(BUILD)/stm32f4_hal $(BUILD)/stm32f4_hal.log
	@touch $@

define STM32_QEMU_RULE
$(BUILD)/$(1)/firmware.elf: $(MPY_CROSS) $(BUILD)/stm32f4_hal/.ready $(LIBRARY) \
		$(wildcard boards/$(1)/* firmware/stm32/* firmware/stm32/stand_ins/*) scripts/memory_map_header.py
	@scripts/build.sh $(1) $(TREE) $(BUILD) $(BUILD)/stm32f4_hal/node_modules/$(STM32F4_HAL)
endef
$(foreach board,$(STM32_QEMU_BOARDS),$(eval $(call STM32_QEMU_RULE,$(board))))

define STM32_CHIP_RULE
$(BUILD)/$(1)/firmware.elf: $(MPY_CROSS) $(LIBRARY) $(wildcard boards/$(1)/* firmware/stm32/*) scripts/memory_map_header.py \
		scripts/stm32_image.py scripts/stm32_chips.py $(BUILD)/venv/.ready
	@scripts/check_checkout.sh stm32lib $(TREE) $(1)
	@scripts/build.sh $(1) $(TREE) $(BUILD)
endef
$(foreach board,$(STM32_CHIP_BOARDS),$(eval $(call STM32_CHIP_RULE,$(board))))

$(BUILD)/stock/MPS2_AN385/firmware.elf: $(MPY_CROSS) scripts/build.sh $(wildcard firmware/stock/MPS2_AN385/*)
	@scripts/build.sh stock/MPS2_AN385 $(TREE) $(BUILD)

define STOCK_RP2_RULE
$(BUILD)/stock/$(1)/firmware.uf2: $(MPY_CROSS) $(BUILD)/sdk scripts/build.sh $(wildcard firmware/stock/*.h firmware/stock/$(1)/*) firmware/rp2/debian_tree.cmake firmware/rp2/manifest_port.py firmware/rp2/without_mbedtls.h
	@scripts/build.sh stock/$(1) $(TREE) $(BUILD) $(SDK)
endef
$(foreach board,$(STOCK_RP2_BOARDS),$(eval $(call STOCK_RP2_RULE,$(board))))
