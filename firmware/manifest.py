# Frozen into every firmware: the library but for the machine code of one architecture, the memory map of the board, the
# boot stage.
import os

freeze("../lib", tuple(sorted(name for name in os.listdir("../lib") if name.endswith(".py") and "thumb" not in name)))
freeze("$(PHYSMEM_BOARD_DIR)", "physmem_board.py")
freeze(".", "physmem_boot.py")
