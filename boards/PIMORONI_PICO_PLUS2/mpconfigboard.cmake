set(PICO_BOARD pimoroni_pico_plus2_rp2350)
set(PICO_PLATFORM rp2350)
set(PICO_NUM_GPIOS 48)
set(MICROPY_HW_ENABLE_PSRAM 1)
set(MICROPY_HW_PSRAM_CS_PIN 47)
set(MICROPY_HW_FLASH_STORAGE_BYTES 14680064) # 14 MiB
set(MPY_CROSS_FLAGS -march=armv7emsp)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
