# Frozen into every firmware: the library, the memory map of the board, the boot stage.
freeze("../lib")
freeze("$(PHYSMEM_BOARD_DIR)", "physmem_board.py")
freeze(".", "physmem_boot.py")
