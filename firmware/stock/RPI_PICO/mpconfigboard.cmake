# MicroPython's own board RPI_PICO, without physmem.
include(${MICROPY_PORT_DIR}/boards/${MICROPY_BOARD}/mpconfigboard.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/../../rp2/debian_tree.cmake)
set(MICROPY_FROZEN_MANIFEST ${PORT_MANIFEST})
list(APPEND MICROPY_DEF_BOARD MP_CONFIGFILE="${CMAKE_CURRENT_LIST_DIR}/../stock_mpconfigport.h")
