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

#if PHYSMEM_WITHOUT_MBEDTLS
#undef MICROPY_SSL_MBEDTLS
#undef MICROPY_PY_CRYPTOLIB
#define MICROPY_PY_CRYPTOLIB (0)
#undef MICROPY_PY_HASHLIB_SHA1
#define MICROPY_PY_HASHLIB_SHA1 (0)
#endif
