// Makes 64 KiB of SRAM1 uncached, so that DMA and the core see the same there, and a reset loses nothing.

#include "py/mphal.h"
#include "mpu.h"

void physmem_boot_stage(void);
void physmem_board_start(void);

// The MPU has 8 regions and the port a use for each. This board has no QSPI flash, so the first of the three for that
// is free.
#define MPU_REGION_DMA MPU_REGION_QSPI1

void physmem_board_start(void) {
    uint32_t interrupts = mpu_config_start();
    // Lines that the core has read ahead from there.
    SCB_CleanInvalidateDCache();
    mpu_config_region(MPU_REGION_DMA, PHYSMEM_UNCACHED_SRAM1, MPU_CONFIG_UNCACHED(MPU_REGION_SIZE_64KB));
    mpu_config_end(interrupts);
    physmem_boot_stage();
}
