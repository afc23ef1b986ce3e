include boards/NUCLEO_F767ZI/mpconfigboard.mk
include $(BOARD_DIR)/../../firmware/stm32/board.mk
