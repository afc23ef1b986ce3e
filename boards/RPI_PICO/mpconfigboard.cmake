set(PICO_BOARD pico)
set(PICO_PLATFORM rp2040)
set(MICROPY_HW_FLASH_STORAGE_BYTES 1441792) # 1,408 KiB
set(MPY_CROSS_FLAGS -march=armv6m)

include(${MICROPY_BOARD_DIR}/../../firmware/rp2/board.cmake)
