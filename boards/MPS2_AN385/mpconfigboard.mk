QEMU_MACHINE = mps2-an385
MCU_NAME = Cortex-M3
MCU_FLAGS = -mcpu=cortex-m3 -mfloat-abi=soft
MPY_CROSS_FLAGS += -march=armv7m

include $(BOARD_DIR)/../../firmware/qemu/board.mk
