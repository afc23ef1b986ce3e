# MicroPython's own board MPS2_AN385, without physmem. Without the port's frozen tests too, which need micropython-lib,
# and with a heap as large as that of this project's board.
include boards/MPS2_AN385/mpconfigboard.mk

MICROPY_HEAP_SIZE = 524288
FROZEN_MANIFEST =
