#include "boards/STM32F429DISC/mpconfigboard.h"
#include "physmem_mpconfigboard.h"

// The test writes to the SDRAM at every start.
#undef MICROPY_HW_SDRAM_STARTUP_TEST
#define MICROPY_HW_SDRAM_STARTUP_TEST (0)
