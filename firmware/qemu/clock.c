// Time from the two free-running counters of the MPS2's FPGA I/O block.
//
// COUNTER counts at PHYSMEM_FPGAIO_COUNTER_HZ in 32 bits and wraps within minutes. The 100 Hz counter says how often it
// has wrapped. Nothing is stored between calls, and no interrupt is needed.
//
// A port that has functions of these names has them over SysTick, which interrupts each millisecond. These replace
// them, and SysTick stays off. In a port without them, the linker takes these under the same names.

#include "py/mphal.h"
#include "py/runtime.h"

#define COUNTER_100_HZ (*(volatile uint32_t *)(PHYSMEM_FPGAIO_BASE + 0x14))
#define COUNTER (*(volatile uint32_t *)(PHYSMEM_FPGAIO_BASE + 0x18))

#define TICKS_PER_100_HZ (PHYSMEM_FPGAIO_COUNTER_HZ / 100)
#define TICKS_PER_US (PHYSMEM_FPGAIO_COUNTER_HZ / 1000000)

// Return ticks since reset, in 64 bits: the value nearest to the 100 Hz count whose low 32 bits are COUNTER.
static uint64_t ticks(void) {
    uint64_t coarse = (uint64_t)COUNTER_100_HZ * TICKS_PER_100_HZ;
    uint32_t fine = COUNTER;
    return coarse + (int32_t)(fine - (uint32_t)coarse);
}

mp_uint_t __wrap_mp_hal_ticks_cpu(void) {
    return COUNTER;
}

mp_uint_t __wrap_mp_hal_ticks_us(void) {
    return ticks() / TICKS_PER_US;
}

mp_uint_t __wrap_mp_hal_ticks_ms(void) {
    return ticks() / (TICKS_PER_US * 1000);
}

void __wrap_mp_hal_delay_us(mp_uint_t us) {
    mp_uint_t start = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - start < us) {
    }
}

void __wrap_mp_hal_delay_ms(mp_uint_t ms) {
    mp_uint_t start = mp_hal_ticks_ms();
    do {
        mp_event_handle_nowait();
    } while (mp_hal_ticks_ms() - start < ms);
}

void __wrap_ticks_init(void) {
}
