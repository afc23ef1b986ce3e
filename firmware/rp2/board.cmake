# Shared by the boards of ports/rp2. boards/NAME/mpconfigboard.cmake includes this file after setting PICO_BOARD,
# PICO_PLATFORM, MPY_CROSS_FLAGS (the -march of mpy-cross), MICROPY_HW_FLASH_STORAGE_BYTES (of the file system, at the end
# of the flash), and if there is PSRAM, MICROPY_HW_ENABLE_PSRAM to 1 and MICROPY_HW_PSRAM_CS_PIN to the GPIO that selects
# it, unless the port's own mpconfigboard.h has it.

get_filename_component(FIRMWARE_DIR ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)

include(${CMAKE_CURRENT_LIST_DIR}/debian_tree.cmake)

# scripts/memory_map_header.py makes memory_map.h from the board's physmem_board.py.
set(MICROPY_SOURCE_BOARD ${FIRMWARE_DIR}/boot_stage.c ${FIRMWARE_DIR}/rp2/board.c)
list(APPEND MICROPY_DEF_BOARD MP_CONFIGFILE="${FIRMWARE_DIR}/rp2/board_mpconfigport.h")
cmake_language(DEFER CALL target_link_options firmware PRIVATE -Wl,--wrap=gc_init,--wrap=gc_add)

# Later versions of the port pass these on by themselves, from the same variables: to the linker, and to the SDK's driver.
list(APPEND MICROPY_DEF_BOARD MICROPY_HW_FLASH_STORAGE_BYTES=${MICROPY_HW_FLASH_STORAGE_BYTES})
set(MICROPY_FROZEN_MANIFEST ${FIRMWARE_DIR}/rp2/manifest.py)
if(MICROPY_HW_ENABLE_PSRAM)
    list(APPEND MICROPY_DEF_BOARD MICROPY_HW_ENABLE_PSRAM=1)
    set(MICROPY_FROZEN_MANIFEST ${FIRMWARE_DIR}/rp2/manifest_psram.py)
endif()
if(DEFINED MICROPY_HW_PSRAM_CS_PIN)
    list(APPEND MICROPY_DEF_BOARD MICROPY_HW_PSRAM_CS_PIN=${MICROPY_HW_PSRAM_CS_PIN})
endif()
# The port passes the RP2040's -march for both chips, or for the RP2350 one without floating point. The last -march wins:
# this one, which follows mpy-tool.py's flags, of which there are none.
set(MICROPY_MPY_TOOL_FLAGS "" -f${MPY_CROSS_FLAGS})
set_source_files_properties(${CMAKE_BINARY_DIR}/frozen_content.c PROPERTIES
    COMPILE_OPTIONS "-include;${FIRMWARE_DIR}/rp2/frozen_alignment.h"
)
# The library's objects make each collection longer, so compile the collector for speed, as MicroPython's ports with make
# do. With the second and the third option gc_alloc takes no more stack than when it is compiled for size.
set_source_files_properties(${MICROPY_DIR}/py/gc.c PROPERTIES COMPILE_OPTIONS "-O2;-fno-tree-pre;-ffixed-r11")
set(MICROPY_MANIFEST_PHYSMEM_BOARD_DIR ${MICROPY_BOARD_DIR})
set(MICROPY_MANIFEST_PHYSMEM_PORT_MANIFEST ${PORT_MANIFEST})
