// MicroPython's own, but for what mpconfigboard.cmake sets.
#pragma push_macro("MICROPY_HW_ENABLE_PSRAM")
#pragma push_macro("MICROPY_HW_FLASH_STORAGE_BYTES")
#undef MICROPY_HW_ENABLE_PSRAM
#undef MICROPY_HW_FLASH_STORAGE_BYTES
#include "boards/SPARKFUN_PROMICRO_RP2350/mpconfigboard.h"
#pragma pop_macro("MICROPY_HW_ENABLE_PSRAM")
#pragma pop_macro("MICROPY_HW_FLASH_STORAGE_BYTES")
