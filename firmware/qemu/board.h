// Shared by the C files of the QEMU boards: interrupts and their handlers.

#ifndef PHYSMEM_QEMU_BOARD_H
#define PHYSMEM_QEMU_BOARD_H

#include <stdint.h>

// In vectors.c. An interrupt is identified by its number in the interrupt controller, from 0. All interrupts have the
// same priority, so no handler interrupts another.

// Point the processor at a vector table with room for interrupts, none of which has a handler yet.
void physmem_vectors_init(void);

// Make `interrupt` call `handler`. Enable the interrupt after that.
void physmem_set_handler(uint32_t interrupt, void (*handler)(void));

// Return the interrupt whose handler is running.
uint32_t physmem_interrupt_number(void);

// Each of these writes the bit of one interrupt to one of the controller's registers; clear bits change nothing.
#define NVIC_WRITE(base, interrupt) (*(volatile uint32_t *)((base) + (interrupt) / 32 * 4) = 1u << (interrupt) % 32)

static inline void nvic_enable(uint32_t interrupt) {
    NVIC_WRITE(0xE000E100, interrupt);
    __asm volatile("dsb\n\tisb" : : : "memory");
}

// After this returns, the interrupt is no longer taken.
static inline void nvic_disable(uint32_t interrupt) {
    NVIC_WRITE(0xE000E180, interrupt);
    __asm volatile("dsb\n\tisb" : : : "memory");
}

static inline void nvic_clear_pending(uint32_t interrupt) {
    NVIC_WRITE(0xE000E280, interrupt);
    __asm volatile("dsb\n\tisb" : : : "memory");
}

#endif
