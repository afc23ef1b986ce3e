QEMU_MACHINE = mps2-an500
MCU_NAME = Cortex-M7
MCU_FLAGS = -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard
MPY_CROSS_FLAGS += -march=armv7emdp

include $(BOARD_DIR)/../../firmware/qemu/board.mk
