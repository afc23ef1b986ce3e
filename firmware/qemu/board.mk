# Shared by the boards of ports/qemu. boards/NAME/mpconfigboard.mk includes this file after setting QEMU_MACHINE,
# MCU_NAME, MCU_FLAGS and the -march of mpy-cross.

FIRMWARE_DIR := $(abspath $(BOARD_DIR)/../../firmware)

QEMU_ARCH = arm
CFLAGS += -mthumb $(MCU_FLAGS) -DMICROPY_HW_MCU_NAME='"$(MCU_NAME)"'
AFLAGS += $(filter -mcpu=%,$(MCU_FLAGS))

# No QEMU_SOC_* is defined: the port's own UART driver stays empty and board.c is the driver.
CFLAGS += -I$(FIRMWARE_DIR)/qemu -DMP_CONFIGFILE='"board_mpconfigport.h"'
SRC_C += $(FIRMWARE_DIR)/boot_stage.c $(patsubst %,$(FIRMWARE_DIR)/qemu/%.c,board clock timer vectors)
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
QSTR_GLOBAL_DEPENDENCIES += $(FIRMWARE_DIR)/qemu/board_mpconfigport.h

# scripts/memory_map_header.py makes memory_map.h and memory_map.ld from the board's physmem_board.py.
MICROPY_HEAP_SIZE = PHYSMEM_GC_HEAP_SIZE
LDSCRIPT = $(FIRMWARE_DIR)/qemu/board.ld
# Some versions of the port link with the compiler, others with the linker itself, which takes no -Wl.
COMMA := ,
LINKER_OPTION := $(if $(shell grep -F '(LD) $$(LDFLAGS)' Makefile),,-Wl$(COMMA))
REPLACED = gc_sweep_all mp_hal_stdin_rx_chr mp_hal_stdio_poll \
	ticks_init mp_hal_ticks_cpu mp_hal_ticks_us mp_hal_ticks_ms mp_hal_delay_us mp_hal_delay_ms
LDFLAGS += -L$(BUILD) $(REPLACED:%=$(LINKER_OPTION)--wrap=%)
$(BUILD)/firmware.elf: $(BUILD)/memory_map.ld

FROZEN_MANIFEST = $(FIRMWARE_DIR)/manifest_thumb.py
MICROPY_MANIFEST_PHYSMEM_BOARD_DIR = $(BOARD_DIR)
