# Frozen into every firmware: the library, the memory plan of the board, the boot stage. With the option `thumb`, for
# boards that run Thumb code, two of the library's modules are those that scripts/expand_thumb.py has made.
import os

options.defaults(thumb=False)

made = ("physmem_engine.py", "physmem_thumb.py")
rest = tuple(sorted(name for name in os.listdir("../lib") if name.endswith(".py") and name not in made))
freeze("../lib", rest)
if options.thumb:
    freeze("../build/thumb", made)
else:
    freeze("../lib", "physmem_engine.py")
freeze("$(PHYSMEM_BOARD_DIR)", "physmem_board.py")
freeze(".", "physmem_boot.py")
