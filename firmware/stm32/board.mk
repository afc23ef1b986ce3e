# What the boards of ports/stm32 share. boards/NAME/mpconfigboard.mk includes it last. A board that the port has, too,
# first includes the port's own, `boards/NAME/mpconfigboard.mk`: paths are relative to ports/stm32.

FIRMWARE_DIR := $(abspath $(BOARD_DIR)/../../firmware)

# The port's folder of the same name, if the board takes its settings from there.
PORT_BOARD_DIR := $(patsubst %/,%,$(dir $(filter boards/%/mpconfigboard.mk,$(MAKEFILE_LIST))))

# This folder's mpconfigboard.h comes first; what else it lacks, the port's has.
CFLAGS_EXTRA += -I$(BOARD_DIR) $(addprefix -I,$(PORT_BOARD_DIR)) -I$(FIRMWARE_DIR)/stm32
SRC_C += $(FIRMWARE_DIR)/boot_stage.c $(wildcard $(addsuffix /*.c,$(PORT_BOARD_DIR)))
ifneq ($(wildcard $(BOARD_DIR)/board.c),)
CFLAGS_EXTRA += -DPHYSMEM_BOARD_START
endif

ifeq ($(wildcard $(BOARD_DIR)/pins.csv),)
# The port's rule for these four files wants pins.csv in BOARD_DIR.
override BOARD_PINS = $(PORT_BOARD_DIR)/pins.csv
$(BUILD)/%_$(BOARD).c $(BUILD)/genhdr/%.h $(BUILD)/genhdr/%_af_const.h $(BUILD)/genhdr/%_af_defs.h: \
		$(PORT_BOARD_DIR)/%.csv $(AF_FILE) | $(BUILD)/genhdr
	$(Q)$(PYTHON) $(MAKE_PINS) --board-csv $(BOARD_PINS) --af-csv $(AF_FILE) --prefix $(PREFIX_FILE) \
		--output-source $(GEN_PINS_SRC) --output-header $(GEN_PINS_HDR) \
		--output-af-const $(GEN_PINS_AF_CONST) --output-af-defs $(GEN_PINS_AF_DEFS)
endif
QSTR_GLOBAL_DEPENDENCIES += $(FIRMWARE_DIR)/stm32/physmem_mpconfigboard.h $(BUILD)/memory_map.h

# Debian's source package of MicroPython lacks these.
ifeq ($(wildcard $(TOP)/lib/lwip/src/core/init.c),)
MICROPY_PY_LWIP = 0
endif
ifeq ($(wildcard $(TOP)/lib/mbedtls/library/aes.c),)
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0
endif

FROZEN_MANIFEST = $(FIRMWARE_DIR)/manifest_thumb.py
MICROPY_MANIFEST_PHYSMEM_BOARD_DIR = $(BOARD_DIR)
