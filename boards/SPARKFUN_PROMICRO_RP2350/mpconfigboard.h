// MicroPython's own. What switches the PSRAM on is in mpconfigboard.cmake.
#undef MICROPY_HW_ENABLE_PSRAM
#include "boards/SPARKFUN_PROMICRO_RP2350/mpconfigboard.h"
