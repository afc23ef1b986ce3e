// Makes SRAM1, SRAM2 and SRAM4 uncached, so that DMA and the core see the same there, and a reset loses nothing.

#include "py/mphal.h"
#include "mpu.h"

void physmem_boot_stage(void);
void physmem_board_start(void);

// The port's drivers use the MPU's regions up to 8.
#define MPU_REGION_D2 MPU_REGION_NUMBER9
#define MPU_REGION_D3 MPU_REGION_NUMBER10

void physmem_board_start(void) {
    uint32_t interrupts = mpu_config_start();
    // Lines that the core has read ahead from there.
    SCB_CleanInvalidateDCache();
    mpu_config_region(MPU_REGION_D2, PHYSMEM_UNCACHED_D2, MPU_CONFIG_UNCACHED(MPU_REGION_SIZE_256KB));
    mpu_config_region(MPU_REGION_D3, PHYSMEM_UNCACHED_D3, MPU_CONFIG_UNCACHED(MPU_REGION_SIZE_64KB));
    mpu_config_end(interrupts);
    physmem_boot_stage();
}
