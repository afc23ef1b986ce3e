// machine.Timer over the two CMSDK APB timers of the MPS2 boards.
//
//     Timer(id=-1, *, mode=PERIODIC, freq=None, period=None, tick_hz=1000, callback, hard=False)
//     Timer.init(*, the same without id), Timer.deinit()
//
// As on rp2, give freq in Hz, or period in units of 1 / tick_hz seconds: milliseconds by default. id is 0 or 1 for a
// timer of the board. -1 takes a free one; a timer is free until Timer() or init and after deinit. The callback gets
// the timer. With hard=False it is scheduled. With hard=True it runs in the interrupt, where the heap and the scheduler
// are locked. An exception there is printed and stops the timer. A call of init that raises changes nothing.
//
// Timer interrupts do not nest. A periodic timer that ticks again before its handler has ended drops that tick and
// starts a new period at the end, so the program continues however slow a hard callback is. A soft reset stops all
// timers.

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "board.h"

typedef struct {
    volatile uint32_t control;
    volatile uint32_t value;
    volatile uint32_t reload; // one less than the ticks of a period, not 0; writing it starts a period
    volatile uint32_t interrupt_status; // writing 1 clears it
    uint32_t reserved[0x1000 / 4 - 4];
} cmsdk_timer_t;

#define TIMERS (2)
#define TIMER ((cmsdk_timer_t *)PHYSMEM_TIMER_BASE)
#define CONTROL_ENABLE (1 << 0)
#define CONTROL_INTERRUPT (1 << 3)
#define LEAST_TICKS(mode) ((mode) == ONE_SHOT ? 2 : PHYSMEM_TIMER_HZ / 100000)
#define MOST_TICKS (UINT64_C(1) << 32)

enum { ONE_SHOT, PERIODIC };

typedef struct {
    mp_obj_base_t base;
    bool in_use;
    bool hard;
    uint8_t mode;
} machine_timer_obj_t;

static machine_timer_obj_t timers[TIMERS] = { { { &machine_timer_type } }, { { &machine_timer_type } } };

// The callback of each timer that is running, otherwise MP_OBJ_NULL.
MP_REGISTER_ROOT_POINTER(mp_obj_t physmem_timer_callback[2]);
#define CALLBACK(self) (MP_STATE_PORT(physmem_timer_callback)[(self) - timers])

static void clear_interrupt(machine_timer_obj_t *self) {
    TIMER[self - timers].interrupt_status = 1;
    nvic_clear_pending(PHYSMEM_TIMER_INTERRUPT + (self - timers));
}

static void stop(machine_timer_obj_t *self) {
    // No interrupt comes after this line: it is disabled before anything else changes.
    nvic_disable(PHYSMEM_TIMER_INTERRUPT + (self - timers));
    TIMER[self - timers].control = 0;
    clear_interrupt(self);
    CALLBACK(self) = MP_OBJ_NULL;
}

static void call_in_interrupt(machine_timer_obj_t *self, mp_obj_t callback) {
    mp_sched_lock();
    gc_lock();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_1(callback, MP_OBJ_FROM_PTR(self));
        nlr_pop();
    } else {
        stop(self);
        mp_printf(MICROPY_ERROR_PRINTER, "uncaught exception in Timer(%d) interrupt handler\n", (int)(self - timers));
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    gc_unlock();
    mp_sched_unlock();
}

static void timer_interrupt(void) {
    machine_timer_obj_t *self = &timers[physmem_interrupt_number() - PHYSMEM_TIMER_INTERRUPT];
    cmsdk_timer_t *timer = &TIMER[self - timers];
    mp_obj_t callback = CALLBACK(self);
    if (self->mode == ONE_SHOT) {
        stop(self);
    } else {
        clear_interrupt(self);
    }
    if (self->hard) {
        call_in_interrupt(self, callback);
    } else {
        mp_sched_schedule(callback, MP_OBJ_FROM_PTR(self));
    }
    // A one-shot timer that the callback has restarted keeps its tick: there is no later one.
    if (self->mode == PERIODIC && CALLBACK(self) != MP_OBJ_NULL && timer->interrupt_status) {
        timer->reload = timer->reload;
        clear_interrupt(self);
    }
}

static void start(machine_timer_obj_t *self, mp_obj_t callback, uint32_t reload) {
    CALLBACK(self) = callback;
    TIMER[self - timers].reload = reload;
    TIMER[self - timers].control = CONTROL_ENABLE | CONTROL_INTERRUPT;
    physmem_set_handler(PHYSMEM_TIMER_INTERRUPT + (self - timers), timer_interrupt);
    nvic_enable(PHYSMEM_TIMER_INTERRUPT + (self - timers));
}

static mp_obj_t timer_deinit(mp_obj_t self_in) {
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    stop(self);
    self->in_use = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_deinit_obj, timer_deinit);

// Replaces MicroPython's function of this name, which a soft reset calls first. The callbacks lie in the heap that it
// is about to free.
void __real_gc_sweep_all(void);
void __wrap_gc_sweep_all(void) {
    for (size_t i = 0; i < TIMERS; i++) {
        timer_deinit(MP_OBJ_FROM_PTR(&timers[i]));
    }
    __real_gc_sweep_all();
}

// Return the ticks of a period, even if the timer cannot count them. Exactly one of freq and period must be None.
static uint64_t period_ticks(mp_obj_t freq, mp_obj_t period, mp_int_t tick_hz) {
    if ((freq == mp_const_none) == (period == mp_const_none)) {
        mp_raise_ValueError(MP_ERROR_TEXT("give either freq or period"));
    }
    if (freq != mp_const_none && !mp_obj_is_int(freq)) {
        mp_float_t ticks = PHYSMEM_TIMER_HZ / mp_obj_get_float(freq);
        // 0, negative and NaN all become 0. A period that is too long stays too long.
        return !(ticks >= 0) ? 0 : ticks < MOST_TICKS ? (uint64_t)ticks : MOST_TICKS + 1;
    }
    mp_int_t count = 1;
    if (freq != mp_const_none) {
        tick_hz = mp_obj_get_int(freq);
    } else {
        count = mp_obj_get_int(period);
    }
    if (count <= 0 || tick_hz <= 0) {
        return 0;
    }
    return (uint64_t)count * PHYSMEM_TIMER_HZ / tick_hz;
}

static void init(machine_timer_obj_t *self, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_mode, ARG_callback, ARG_period, ARG_tick_hz, ARG_freq, ARG_hard };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = PERIODIC } },
        { MP_QSTR_callback, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_period, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_tick_hz, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 1000 } },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_hard, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    mp_int_t mode = args[ARG_mode].u_int;
    mp_obj_t callback = args[ARG_callback].u_obj;
    if (mode != ONE_SHOT && mode != PERIODIC) {
        mp_raise_ValueError(MP_ERROR_TEXT("mode must be ONE_SHOT or PERIODIC"));
    }
    if (!mp_obj_is_callable(callback)) {
        mp_raise_TypeError(MP_ERROR_TEXT("callback must be callable"));
    }
    uint64_t ticks = period_ticks(args[ARG_freq].u_obj, args[ARG_period].u_obj, args[ARG_tick_hz].u_int);
    if (ticks < LEAST_TICKS(mode) || ticks > MOST_TICKS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("period must be from %d to 2**32 ticks of %d Hz"),
            (int)LEAST_TICKS(mode), PHYSMEM_TIMER_HZ);
    }
    stop(self);
    self->in_use = true;
    self->mode = mode;
    self->hard = args[ARG_hard].u_bool;
    start(self, callback, ticks - 1);
}

static machine_timer_obj_t *timer_of(mp_int_t id) {
    if (id < -1 || id >= TIMERS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("Timer(%d) doesn't exist"), (int)id);
    }
    if (id >= 0) {
        return &timers[id];
    }
    for (size_t i = 0; i < TIMERS; i++) {
        if (!timers[i].in_use) {
            return &timers[i];
        }
    }
    mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("all timers are in use"));
}

static mp_obj_t timer_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_int_t id = -1;
    if (n_args > 0) {
        id = mp_obj_get_int(args[0]);
        n_args--;
        args++;
    }
    machine_timer_obj_t *self = timer_of(id);
    if (n_args > 0 || n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        init(self, n_args, args, &kw_args);
    }
    self->in_use = true;
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t timer_init(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    init(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kw_args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(timer_init_obj, 1, timer_init);

static void timer_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "Timer(%d", (int)(self - timers));
    if (CALLBACK(self) != MP_OBJ_NULL) {
        mp_printf(print, ", mode=%q, tick_hz=%d, period=%u, hard=%q",
            self->mode == ONE_SHOT ? MP_QSTR_ONE_SHOT : MP_QSTR_PERIODIC, PHYSMEM_TIMER_HZ,
            (unsigned)TIMER[self - timers].reload + 1, self->hard ? MP_QSTR_True : MP_QSTR_False);
    }
    mp_print_str(print, ")");
}

static const mp_rom_map_elem_t timer_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&timer_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(PERIODIC) },
};
static MP_DEFINE_CONST_DICT(timer_locals_dict, timer_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_timer_type,
    MP_QSTR_Timer,
    MP_TYPE_FLAG_NONE,
    make_new, timer_make_new,
    print, timer_print,
    locals_dict, &timer_locals_dict
    );
