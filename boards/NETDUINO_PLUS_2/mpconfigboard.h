#define MICROPY_HW_BOARD_NAME "Netduino Plus 2 in QEMU"
#define MICROPY_HW_MCU_NAME "STM32F405RG"

// What QEMU models or physmem needs. The port's other drivers have no device behind them.
#define MICROPY_HW_HAS_FLASH (0)
#define MICROPY_HW_ENABLE_INTERNAL_FLASH_STORAGE (0)
#define MICROPY_HW_ENABLE_ADC (0)
#define MICROPY_HW_ENABLE_RNG (0)
#define MICROPY_HW_ENABLE_RTC (0)
#define MICROPY_HW_ENABLE_SERVO (0)
#define MICROPY_HW_ENABLE_USB (0)

// The clocks as on the board; SystemClock_Config in board.c does without them.
#define MICROPY_HW_CLK_PLLM (25)
#define MICROPY_HW_CLK_PLLN (336)
#define MICROPY_HW_CLK_PLLP (RCC_PLLP_DIV2)
#define MICROPY_HW_CLK_PLLQ (7)

#define MICROPY_HW_UART1_TX (pin_A9)
#define MICROPY_HW_UART1_RX (pin_A10)
#define MICROPY_HW_UART_REPL PYB_UART_1
#define MICROPY_HW_UART_REPL_BAUD 115200

// The tests are a ROMFS in flash, where their bytecode runs in place: the heap has no room for them.
#define MICROPY_VFS_ROM (1)
#define MICROPY_VFS_ROM_IOCTL (0)
#define MICROPY_GC_SPLIT_HEAP (1)

#include "physmem_mpconfigboard.h"
