QEMU_MACHINE = mps2-an505
MCU_NAME = Cortex-M33
MCU_FLAGS = -mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard
MPY_CROSS_FLAGS += -march=armv7emsp

include $(BOARD_DIR)/../../firmware/qemu/board.mk
