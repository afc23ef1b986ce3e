# Shared by the boards of ports/rp2. boards/NAME/mpconfigboard.cmake includes this file after setting PICO_BOARD,
# PICO_PLATFORM, MPY_CROSS_FLAGS (the -march of mpy-cross), and MICROPY_HW_ENABLE_PSRAM to 1 if there is PSRAM.

get_filename_component(FIRMWARE_DIR ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)

# MicroPython's own tool makes the .uf2 (scripts/build.sh).
set(PICO_NO_PICOTOOL 1)

# scripts/memory_map_header.py makes memory_map.h from the board's physmem_board.py.
set(MICROPY_SOURCE_BOARD ${FIRMWARE_DIR}/boot_stage.c ${FIRMWARE_DIR}/rp2/board.c)
list(APPEND MICROPY_DEF_BOARD MP_CONFIGFILE="${FIRMWARE_DIR}/rp2/board_mpconfigport.h")
cmake_language(DEFER CALL target_link_options firmware PRIVATE -Wl,--wrap=gc_init,--wrap=gc_add)

# A board without pins.csv uses the pin names of the port's board of the same name.
if(NOT EXISTS ${MICROPY_BOARD_DIR}/pins.csv)
    set(GEN_PINS_BOARD_CSV ${MICROPY_PORT_DIR}/boards/${MICROPY_BOARD}/pins.csv)
    set(GEN_PINS_CSV_ARG --board-csv ${GEN_PINS_BOARD_CSV})
endif()

set(MICROPY_FROZEN_MANIFEST ${FIRMWARE_DIR}/rp2/manifest.py)
if(MICROPY_HW_ENABLE_PSRAM)
    list(APPEND MICROPY_DEF_BOARD MICROPY_HW_ENABLE_PSRAM=1)
    list(APPEND MICROPY_FROZEN_MANIFEST ${FIRMWARE_DIR}/rp2/manifest_psram.py)
endif()
# The port passes the RP2040's -march for both chips. The last -march wins.
list(APPEND MICROPY_FROZEN_MANIFEST -f${MPY_CROSS_FLAGS})
set_source_files_properties(${CMAKE_BINARY_DIR}/frozen_content.c PROPERTIES
    COMPILE_OPTIONS "-include;${FIRMWARE_DIR}/rp2/frozen_alignment.h"
)
set(MICROPY_MANIFEST_PHYSMEM_BOARD_DIR ${MICROPY_BOARD_DIR})
set(MICROPY_MANIFEST_PHYSMEM_PORT_MANIFEST ${MICROPY_PORT_DIR}/boards/manifest.py)

# Debian's source package of MicroPython has no git submodules. So TinyUSB comes from the SDK, some modules of the
# port's manifest are missing for lack of micropython-lib, and without mbedtls there is no cryptolib or hashlib.sha1.
if(NOT EXISTS ${MICROPY_DIR}/lib/tinyusb/src/tusb.h)
    set(PICO_TINYUSB_PATH ${PICO_SDK_PATH}/lib/tinyusb)
endif()
if(NOT EXISTS ${MICROPY_DIR}/lib/micropython-lib/README.md)
    set(MICROPY_LIB_DIR ${MICROPY_DIR}) # MicroPython only checks for a README there
    set(MICROPY_MANIFEST_PHYSMEM_PORT_MANIFEST ${FIRMWARE_DIR}/rp2/manifest_port.py)
endif()
if(NOT EXISTS ${MICROPY_DIR}/lib/mbedtls/library/aes.c)
    list(APPEND MICROPY_DEF_BOARD PHYSMEM_WITHOUT_MBEDTLS=1)
    cmake_language(DEFER CALL set_property TARGET micropy_lib_mbedtls PROPERTY INTERFACE_SOURCES "")
endif()
