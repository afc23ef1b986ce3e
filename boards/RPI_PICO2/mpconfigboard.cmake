set(PICO_BOARD pico2)
set(PICO_PLATFORM rp2350)
set(MPY_CROSS_FLAGS -march=armv7emsp)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
