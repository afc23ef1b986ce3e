#define MICROPY_HW_BOARD_NAME "Pimoroni Pico Plus 2"
