// What the C files of the QEMU boards share: the interrupt controller, and who sets it up.

#ifndef PHYSMEM_QEMU_BOARD_H
#define PHYSMEM_QEMU_BOARD_H

#include <stdint.h>

// Point the processor at a vector table with the board's interrupts. In timer.c.
void physmem_vectors_init(void);

// Each of these writes the bit of one interrupt to one of the controller's registers; clear bits change nothing.
#define NVIC_WRITE(base, interrupt) \
    (*(volatile uint32_t *)((base) + (interrupt) / 32 * 4) = 1u << (interrupt) % 32)

static inline void nvic_enable(uint32_t interrupt) {
    NVIC_WRITE(0xE000E100, interrupt);
    __asm volatile ("dsb\n\tisb" : : : "memory");
}

// When this returns, the interrupt is not taken any more.
static inline void nvic_disable(uint32_t interrupt) {
    NVIC_WRITE(0xE000E180, interrupt);
    __asm volatile ("dsb\n\tisb" : : : "memory");
}

static inline void nvic_clear_pending(uint32_t interrupt) {
    NVIC_WRITE(0xE000E280, interrupt);
    __asm volatile ("dsb\n\tisb" : : : "memory");
}

#endif
