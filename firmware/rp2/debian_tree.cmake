# What a build of ports/rp2 needs besides the board, for this project's boards and for the port's own (firmware/stock).
# Sets PORT_MANIFEST to the port's manifest.

# MicroPython's own tool makes the .uf2 (scripts/build.sh).
set(PICO_NO_PICOTOOL 1)

# Debian's package of the SDK chooses picolibc from 2.2.0-3 on. The toolchain of Debian 12 and 13 has newlib.
set(PICO_CLIB newlib)

# A board without pins.csv uses the pin names of the port's board of the same name.
if(NOT EXISTS ${MICROPY_BOARD_DIR}/pins.csv)
    set(GEN_PINS_BOARD_CSV ${MICROPY_PORT_DIR}/boards/${MICROPY_BOARD}/pins.csv)
    set(GEN_PINS_CSV_ARG --board-csv ${GEN_PINS_BOARD_CSV})
endif()

# Debian's source package of MicroPython has no git submodules. So TinyUSB comes from the SDK, some modules of the
# port's manifest are missing for lack of micropython-lib, and without mbedtls there is no cryptolib or hashlib.sha1.
set(PORT_MANIFEST ${MICROPY_PORT_DIR}/boards/manifest.py)
if(NOT EXISTS ${MICROPY_DIR}/lib/tinyusb/src/tusb.h)
    set(PICO_TINYUSB_PATH ${PICO_SDK_PATH}/lib/tinyusb)
endif()
if(NOT EXISTS ${MICROPY_DIR}/lib/micropython-lib/README.md)
    set(MICROPY_LIB_DIR ${MICROPY_DIR}) # MicroPython only checks for a README there
    set(PORT_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/manifest_port.py)
endif()
if(NOT EXISTS ${MICROPY_DIR}/lib/mbedtls/library/aes.c)
    list(APPEND MICROPY_DEF_BOARD PHYSMEM_WITHOUT_MBEDTLS=1)
    cmake_language(DEFER CALL set_property TARGET micropy_lib_mbedtls PROPERTY INTERFACE_SOURCES "")
endif()
