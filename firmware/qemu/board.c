// Console over CMSDK UART 0, and what must be switched on before anything else runs.

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "board.h"
#include "uart.h"

typedef struct {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t control;
    volatile uint32_t interrupt_status;
    volatile uint32_t baud_rate_divider;
} cmsdk_uart_t;

#define UART ((cmsdk_uart_t *)PHYSMEM_UART_BASE)

#define UART_STATE_TRANSMIT_FULL (1 << 0)
#define UART_STATE_RECEIVE_FULL (1 << 1)
#define UART_CONTROL_TRANSMIT_ENABLE (1 << 0)
#define UART_CONTROL_RECEIVE_ENABLE (1 << 1)
#define UART_CONTROL_RECEIVE_INTERRUPT (1 << 3)
#define UART_INTERRUPT_RECEIVE (1 << 1)

#if __ARM_FP
#define COPROCESSOR_ACCESS_CONTROL (*(volatile uint32_t *)0xE000ED88)
#define FULL_ACCESS_TO_FPU (0xF << 20)
#endif

// The port's start-up code calls this before anything that may use the floating-point unit.
void uart_init(void) {
    #if __ARM_FP
    COPROCESSOR_ACCESS_CONTROL |= FULL_ACCESS_TO_FPU;
    __asm volatile ("dsb\n\tisb");
    #endif
    physmem_vectors_init();
    UART->baud_rate_divider = 16;
    UART->control = UART_CONTROL_TRANSMIT_ENABLE | UART_CONTROL_RECEIVE_ENABLE | UART_CONTROL_RECEIVE_INTERRUPT;
}

int uart_rx_chr(void) {
    return UART->state & UART_STATE_RECEIVE_FULL ? (int)UART->data : UART_RX_NO_CHAR;
}

void uart_tx_strn(const char *text, size_t length) {
    while (length--) {
        while (UART->state & UART_STATE_TRANSMIT_FULL) {
        }
        UART->data = *text++;
    }
}

// Sleep until input arrives or a handler is to run; not if either is so already. The receive interrupt is enabled only
// here, where all are masked: it wakes the processor and is never taken, so it needs no handler.
static void wait_for_input(void) {
    uint32_t masked = physmem_mask_interrupts();
    UART->interrupt_status = UART_INTERRUPT_RECEIVE;
    nvic_clear_pending(PHYSMEM_UART_RECEIVE_INTERRUPT);
    if (!(UART->state & UART_STATE_RECEIVE_FULL) && MP_STATE_VM(sched_state) != MP_SCHED_PENDING) {
        nvic_enable(PHYSMEM_UART_RECEIVE_INTERRUPT);
        __asm volatile ("wfi" : : : "memory");
        nvic_disable(PHYSMEM_UART_RECEIVE_INTERRUPT);
    }
    physmem_restore_interrupts(masked);
}

// Takes the place of the port's function of this name, which polls: an idle emulator would keep a host's core busy.
// What timers have scheduled runs meanwhile.
int __wrap_mp_hal_stdin_rx_chr(void) {
    for (;;) {
        mp_event_handle_nowait();
        int character = uart_rx_chr();
        if (character != UART_RX_NO_CHAR) {
            return character;
        }
        wait_for_input();
    }
}

// Takes the place of the port's function of this name, which never reports input.
uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = MP_STREAM_POLL_WR;
    if (UART->state & UART_STATE_RECEIVE_FULL) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready & flags;
}
