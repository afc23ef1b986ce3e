// Configuration of the unix port for physmem: the standard variant, with these additions.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#include "variants/mpconfigvariant_common.h"

// The frozen boot stage, at the end of mp_init(): before the REPL or the script.
void physmem_boot_stage(void);
#define MICROPY_PORT_INIT_FUNC physmem_boot_stage()

#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED (1)

// There is one thread and no interrupt: the calls exist but have nothing to mask.
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
