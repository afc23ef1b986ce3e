# Frozen into every firmware: the library, the memory plan of the board, the boot stage. With the option `thumb`, for
# boards that run Thumb code, two of the library's modules are those that scripts/expand_thumb.py has made. With the
# option `bytecode`, for a MicroPython without a machine code emitter, those with machine code are those that
# scripts/bytecode_twins.py has made.
import os

options.defaults(thumb=False, bytecode=False)

made = ("physmem_engine.py", "physmem_thumb.py")
if options.bytecode:
    made = tuple(sorted(name for name in os.listdir("../build/bytecode") if name.endswith(".py")))
apart = made + ("physmem_thumb.py", "physmem_direct.py") if options.bytecode else made
rest = tuple(sorted(name for name in os.listdir("../lib") if name.endswith(".py") and name not in apart))
freeze("../lib", rest)
if options.thumb:
    freeze("../build/thumb", made)
elif options.bytecode:
    freeze("../build/bytecode", made)
else:
    freeze("../lib", "physmem_engine.py")
freeze("$(PHYSMEM_BOARD_DIR)", "physmem_board.py")
freeze(".", "physmem_boot.py")
