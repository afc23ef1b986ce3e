set(PICO_BOARD sparkfun_promicro_rp2350)
set(PICO_PLATFORM rp2350)
set(MICROPY_HW_ENABLE_PSRAM 1)
set(MICROPY_HW_FLASH_STORAGE_BYTES 14680064) # 14 MiB
set(MPY_CROSS_FLAGS -march=armv7emsp)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
