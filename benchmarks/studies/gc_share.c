// The module gc_share of the firmware that gc_heap.py builds: give the garbage-collected heap more memory.

#include "py/gc.h"
#include "py/runtime.h"

// add(address, nbytes): add that memory to the heap until the next reset, as the rp2 port adds the RP2350's PSRAM after
// gc_init().
static mp_obj_t gc_share_add(mp_obj_t address, mp_obj_t nbytes) {
    uint8_t *start = (uint8_t *)mp_obj_get_int_truncated(address);
    gc_add(start, start + mp_obj_get_int(nbytes));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(gc_share_add_obj, gc_share_add);

static const mp_rom_map_elem_t gc_share_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_gc_share) },
    { MP_ROM_QSTR(MP_QSTR_add), MP_ROM_PTR(&gc_share_add_obj) },
};
static MP_DEFINE_CONST_DICT(gc_share_globals, gc_share_globals_table);

const mp_obj_module_t gc_share_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&gc_share_globals,
};

MP_REGISTER_MODULE(MP_QSTR_gc_share, gc_share_module);
