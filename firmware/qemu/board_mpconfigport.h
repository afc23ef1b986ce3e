// Configuration of the port for physmem's boards: the port's own, with these changes.
#include "mpconfigport.h"
#include "memory_map.h"

// The frozen boot stage, at the end of mp_init(): after power-on and after every soft reset.
void physmem_boot_stage(void);
#define MICROPY_PORT_INIT_FUNC physmem_boot_stage()

// Deep enough for the library, its tests and the user's program.
#define PHYSMEM_STACK_LIMIT (PHYSMEM_STACK_SIZE - 2048)

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED (1)

// As in rp2/board_mpconfigport.h.
#ifndef MICROPY_ALLOC_GC_STACK_SIZE
#define MICROPY_ALLOC_GC_STACK_SIZE (256)
#endif
#define MICROPY_MODULE_DICT_SIZE (10)

// Needed by mpremote mount.
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

// No read-only file system: physmem owns all memory that the firmware does not use.
#undef MICROPY_VFS_ROM
#define MICROPY_VFS_ROM (0)
#undef MICROPY_VFS_ROM_IOCTL
#define MICROPY_VFS_ROM_IOCTL (0)
#undef MICROPY_HW_ROMFS_ENABLE_PART0
#define MICROPY_HW_ROMFS_ENABLE_PART0 (0)

// timer.c.
#undef MICROPY_PY_MACHINE_EXTRA_GLOBALS
#define MICROPY_PY_MACHINE_EXTRA_GLOBALS { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) },

// Critical sections mask interrupts and restore whether they were masked before.
static inline uint32_t physmem_mask_interrupts(void) {
    uint32_t masked;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(masked) : : "memory");
    return masked;
}

static inline void physmem_restore_interrupts(uint32_t masked) {
    __asm volatile("msr primask, %0" : : "r"(masked) : "memory");
}

#define MICROPY_BEGIN_ATOMIC_SECTION() physmem_mask_interrupts()
#define MICROPY_END_ATOMIC_SECTION(state) physmem_restore_interrupts(state)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
