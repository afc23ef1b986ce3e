QEMU_MACHINE = mps2-an505
MCU_NAME = Cortex-M33
MCU_FLAGS = -mcpu=cortex-m33 -mfloat-abi=soft
MPY_CROSS_FLAGS += -march=armv7m

include $(BOARD_DIR)/../../firmware/qemu/board.mk
