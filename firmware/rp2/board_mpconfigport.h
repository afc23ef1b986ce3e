// Configuration of the port for physmem's boards: the port's own, with these changes.
#include "mpconfigport.h"

// The frozen boot stage, at the end of mp_init(): after power-on and after every soft reset.
void physmem_boot_stage(void);
#define MICROPY_PORT_INIT_FUNC physmem_boot_stage()
#if MICROPY_HW_ENABLE_PSRAM
#define PHYSMEM_BOOT_MODULE MP_QSTR_physmem_boot_psram
#endif

// board.c, once after power-on.
void physmem_claim_spin_lock(void);
#undef MICROPY_BOARD_EARLY_INIT
#define MICROPY_BOARD_EARLY_INIT physmem_claim_spin_lock

#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED (1)

// Objects that wait for the collector to scan them. With MicroPython's 64 a list of 65 objects, or a module with that
// many functions, makes it read the heap again. The port has 1,024 where there is PSRAM.
#if !MICROPY_HW_ENABLE_PSRAM
#define MICROPY_ALLOC_GC_STACK_SIZE (256)
#endif

// Names that a new module has room for: its table then grows less often while it is imported.
#define MICROPY_MODULE_DICT_SIZE (10)

#include "without_mbedtls.h"
