// What the boards of ports/stm32 share. boards/NAME/mpconfigboard.h includes it last.
#include "memory_map.h"

// Runs the frozen boot stage at the end of mp_init(): after power-on and after every soft reset. A board with a
// board.c starts there.
#ifdef PHYSMEM_BOARD_START
void physmem_board_start(void);
#define MICROPY_PORT_INIT_FUNC physmem_board_start()
#else
void physmem_boot_stage(void);
#define MICROPY_PORT_INIT_FUNC physmem_boot_stage()
#endif

#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED (1)

// The memory plan has the end of the heap. Nothing is written above it, so what is there outlives a reset.
#undef MICROPY_HEAP_START
#define MICROPY_HEAP_START (&_heap_start)
#undef MICROPY_HEAP_END
#define MICROPY_HEAP_END ((void *)PHYSMEM_GC_HEAP_END)

// Without lwIP the port cannot drive Ethernet (board.mk).
#if !MICROPY_PY_LWIP
#undef MICROPY_HW_ETH_MDC
#endif
