set(PICO_BOARD pico)
set(PICO_PLATFORM rp2040)
set(MPY_CROSS_FLAGS -march=armv6m)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
