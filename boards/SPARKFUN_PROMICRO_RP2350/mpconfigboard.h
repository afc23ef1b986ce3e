// MicroPython's own. mpconfigboard.cmake switches the PSRAM on.
#undef MICROPY_HW_ENABLE_PSRAM
#include "boards/SPARKFUN_PROMICRO_RP2350/mpconfigboard.h"
