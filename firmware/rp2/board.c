// Reserve for physmem, on the rp2 boards, memory that the garbage collector would otherwise get, and a spin lock.

#include "py/gc.h"
#include "py/runtime.h"
#include "hardware/sync.h"
#include "memory_map.h"

// These replace MicroPython's functions of the same names. With them, the port gives all memory that the program does
// not use to the garbage collector: SRAM first, then PSRAM if the board has some. Memory that is held back is never
// written, not even cleared, so its content survives a reset.
void __real_gc_init(void *start, void *end);
void __wrap_gc_init(void *start, void *end) {
    (void)end;
    __real_gc_init(start, (void *)PHYSMEM_GC_HEAP_END);
}

#if MICROPY_HW_ENABLE_PSRAM

// The chip's addresses for the memory at its second chip select, cached. Source: RP2350 datasheet, 4.4.1.
#define PSRAM_START (0x11000000)
#define PSRAM_LIMIT (PSRAM_START + (16 << 20))

// Bytes of PSRAM that the port's driver, or the SDK's, found.
static size_t psram_found;

void __real_gc_add(void *start, void *end);
void __wrap_gc_add(void *start, void *end) {
    psram_found = (uintptr_t)end - (uintptr_t)start;
    if (PHYSMEM_PSRAM_GC_END > PSRAM_START) {
        __real_gc_add(start, (void *)MIN((uintptr_t)end, PHYSMEM_PSRAM_GC_END));
    }
}

// The module physmem_psram, for the boot stage: the chip's PSRAM addresses, and the end of the PSRAM found.
static mp_obj_t psram_end(void) {
    return mp_obj_new_int_from_uint(PSRAM_START + psram_found);
}
static MP_DEFINE_CONST_FUN_OBJ_0(psram_end_obj, psram_end);

static const mp_rom_map_elem_t psram_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_physmem_psram) },
    { MP_ROM_QSTR(MP_QSTR_BASE), MP_ROM_INT(PSRAM_START) },
    { MP_ROM_QSTR(MP_QSTR_LIMIT), MP_ROM_INT(PSRAM_LIMIT) },
    { MP_ROM_QSTR(MP_QSTR_end), MP_ROM_PTR(&psram_end_obj) },
};
static MP_DEFINE_CONST_DICT(psram_globals, psram_globals_table);

const mp_obj_module_t physmem_psram_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&psram_globals,
};
MP_REGISTER_MODULE(MP_QSTR_physmem_psram, physmem_psram_module);

#endif

// After this, the SDK gives the lock to no other code. On the RP2350 the SDK uses spin locks in memory instead, with
// the same numbers, and leaves the chip's alone. There, writes to the chip's registers from 0xD0000180 up release some
// of the chip's locks, but not lock 31 (erratum RP2350-E2).
void physmem_claim_spin_lock(void) {
    spin_lock_claim((PHYSMEM_SPIN_LOCK - (SIO_BASE + SIO_SPINLOCK0_OFFSET)) / sizeof(uint32_t));
}
