// Console over CMSDK UART 0, and the parts that must be switched on before anything else runs.

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
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

// Characters received and not yet read. The program reads, the interrupt handler writes. The handler removes Ctrl-C if
// it is set to interrupt the program.
#define RING_SIZE (1024) // a power of two
static uint8_t ring[RING_SIZE];
static volatile uint32_t ring_written, ring_read; // characters since start-up

// Move what the UART has to the ring. Call this with interrupts masked, or in the handler. If the ring is full, the
// rest waits in the UART and at the sender until something has been read. A Ctrl-C among it cannot interrupt meanwhile.
static void receive(void) {
    UART->interrupt_status = UART_INTERRUPT_RECEIVE;
    while (UART->state & UART_STATE_RECEIVE_FULL && ring_written - ring_read < RING_SIZE) {
        uint8_t character = UART->data;
        if (character == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ring[ring_written % RING_SIZE] = character;
            ring_written = ring_written + 1;
        }
    }
}

// The port's start-up code calls this before anything that may use the floating-point unit.
void uart_init(void) {
#if __ARM_FP
    COPROCESSOR_ACCESS_CONTROL |= FULL_ACCESS_TO_FPU;
    __asm volatile("dsb\n\tisb");
#endif
    physmem_vectors_init();
    UART->baud_rate_divider = 16;
    UART->control = UART_CONTROL_TRANSMIT_ENABLE | UART_CONTROL_RECEIVE_ENABLE | UART_CONTROL_RECEIVE_INTERRUPT;
    physmem_set_handler(PHYSMEM_UART_RECEIVE_INTERRUPT, receive);
    nvic_enable(PHYSMEM_UART_RECEIVE_INTERRUPT);
}

int uart_rx_chr(void) {
    uint32_t masked = physmem_mask_interrupts();
    receive(); // what did not fit before; everything, if the program has masked interrupts
    int character = ring_written == ring_read ? UART_RX_NO_CHAR : ring[ring_read++ % RING_SIZE];
    physmem_restore_interrupts(masked);
    return character;
}

void uart_tx_strn(const char *text, size_t length) {
    while (length--) {
        while (UART->state & UART_STATE_TRANSMIT_FULL) {
        }
        UART->data = *text++;
    }
}

static bool has_input(void) {
    return ring_written != ring_read || UART->state & UART_STATE_RECEIVE_FULL;
}

// Sleep until input arrives or a scheduled handler is due, but not if either is already the case. Interrupts are masked
// meanwhile: they wake the processor and are taken afterwards.
static void wait_for_input(void) {
    uint32_t masked = physmem_mask_interrupts();
    if (!has_input() && MP_STATE_VM(sched_state) != MP_SCHED_PENDING) {
        __asm volatile("wfi" : : : "memory");
    }
    physmem_restore_interrupts(masked);
}

// Replaces the port's function of this name, which polls, so that an idle emulator would keep one of the host's cores
// busy. Callbacks that timers have scheduled run meanwhile.
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

// The port's own poll calls this, in versions that have one. Nothing else does.
int uart_rx_any(void) {
    return has_input();
}

// Replaces the port's function of this name, which never reports room for output, and in old versions no input either.
uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = MP_STREAM_POLL_WR;
    if (has_input()) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready & flags;
}
