// The vector table of the QEMU boards. It replaces the port's, which ends before the first interrupt.

#include "py/mphal.h"
#include "board.h"

#define SYSTEM_VECTORS (16)
#define INTERRUPTS (64) // more than any of the boards uses
#define VECTOR_TABLE_OFFSET (*(volatile uint32_t *)0xE000ED08)

// The processor requires alignment to the size, rounded up to a power of two.
static uint32_t vectors[SYSTEM_VECTORS + INTERRUPTS] __attribute__((aligned(512)));

void physmem_vectors_init(void) {
    extern const uint32_t isr_vector[];
    for (size_t i = 0; i < SYSTEM_VECTORS; i++) {
        vectors[i] = isr_vector[i];
    }
    VECTOR_TABLE_OFFSET = (uint32_t)vectors;
    __asm volatile("dsb\n\tisb" : : : "memory");
}

void physmem_set_handler(uint32_t interrupt, void (*handler)(void)) {
    vectors[SYSTEM_VECTORS + interrupt] = (uint32_t)handler;
}

uint32_t physmem_interrupt_number(void) {
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    return exception - SYSTEM_VECTORS;
}
