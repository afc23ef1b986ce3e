// The hook of the early phase. MicroPython calls it at the end of mp_init(), before the REPL or any script, after
// power-on and after every soft reset. It runs the frozen module physmem_boot, or the one that the board names. An
// error there is only printed: the REPL comes up in any case.

#include "py/gc.h"
#include "py/objlist.h"
#include "py/runtime.h"
#include "py/stackctrl.h"

#ifndef PHYSMEM_BOOT_MODULE
#define PHYSMEM_BOOT_MODULE MP_QSTR_physmem_boot
#endif

void physmem_boot_stage(void) {
#ifdef PHYSMEM_STACK_LIMIT
    mp_stack_set_limit(PHYSMEM_STACK_LIMIT);
#endif

#if !MICROPY_PY_SYS_PATH_ARGV_DEFAULTS
    // The unix port makes these two only after mp_init(), and then replaces these.
    mp_sys_path = mp_obj_new_list(0, NULL);
    mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(MP_QSTR__dot_frozen));
    mp_obj_list_init(MP_OBJ_TO_PTR(mp_sys_argv), 0);
#endif

    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_import_name(PHYSMEM_BOOT_MODULE, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
        nlr_pop();
    } else {
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    // The module has done its work. It would only take heap.
    mp_map_elem_t *removed = mp_map_lookup(
        &MP_STATE_VM(mp_loaded_modules_dict).map, MP_OBJ_NEW_QSTR(PHYSMEM_BOOT_MODULE), MP_MAP_LOOKUP_REMOVE_IF_FOUND);
    if (removed != NULL) {
        removed->value = MP_OBJ_NULL; // otherwise the table would keep the module
    }
}
