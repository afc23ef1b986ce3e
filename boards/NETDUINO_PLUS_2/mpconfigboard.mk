# The firmware is for QEMU's machine netduinoplus2 alone. ST's files come from an npm package, which has the F407: the
# F405 with Ethernet and a camera interface.
MCU_SERIES = f4
CMSIS_MCU = STM32F407xx
AF_FILE = boards/stm32f405_af.csv
LD_FILES = boards/stm32f405.ld boards/common_basic.ld
TEXT0_ADDR = 0x08000000

include $(BOARD_DIR)/../../firmware/stm32/stand_ins/hal.mk
include $(BOARD_DIR)/../../firmware/stm32/board.mk
