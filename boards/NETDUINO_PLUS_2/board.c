// What differs on QEMU's machine from the board that it is named after.

#include "py/gc.h"
#include "py/mphal.h"

// The port's function waits for bits of the clock controller that QEMU does not model. QEMU's processor runs at 168 MHz
// from the start.
void SystemClock_Config(void) {
    SystemCoreClock = 168000000;
    HAL_InitTick(TICK_INT_PRIORITY);
}

// Memory for the garbage collector that the test harness puts to use: address and size in bytes, at the end of the
// flash, where QEMU's loader has written them; zeros otherwise (tests_host/harness/runners.py).
#define MORE_HEAP ((const volatile uint32_t *)PHYSMEM_MORE_HEAP)

void physmem_boot_stage(void);
void physmem_board_start(void) {
    if (MORE_HEAP[1]) {
        gc_add((void *)MORE_HEAP[0], (void *)(MORE_HEAP[0] + MORE_HEAP[1]));
    }
    physmem_boot_stage();
}

// Seeds the module random. The port's function reads the chip's unique number, and QEMU has no memory there.
#define TIM2_COUNT (*(const volatile uint32_t *)(PHYSMEM_TIM2_BASE + 0x24))
uint32_t __wrap_rng_get(void) {
    return TIM2_COUNT;
}
