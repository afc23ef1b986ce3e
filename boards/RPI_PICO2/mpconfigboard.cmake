set(PICO_BOARD pico2)
set(PICO_PLATFORM rp2350)
set(MICROPY_HW_FLASH_STORAGE_BYTES 3145728) # 3 MiB
set(MPY_CROSS_FLAGS -march=armv7emsp)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
