// What unicorn calls too often for Python: before each instruction of a core, and at each access to the registers of
// the SIO, of which the core's number and the spin locks are here (RP2350 datasheet 3.1.2, 3.1.4).
#include "state.h"

enum { CPUID = 0x00, SPINLOCK0 = 0x100, SPINLOCK31 = 0x17c, SIO_END = 0x200 };

// 16-bit opcodes, and first halves of 32-bit ones (Armv8-M manual, C2.4).
#define SEV 0xbf40
#define IS_IT(opcode) (((opcode) & 0xff00) == 0xbf00 && ((opcode) & 0xf))
#define IS_CPSIE(opcode) (((opcode) & 0xfff0) == 0xb660)
#define IS_MSR(half) (((half) & 0xfff0) == 0xf380)
#define IS_LDM_OR_STM(opcode) (((opcode) & 0xf000) == 0xc000)
#define IS_WIDE_LDM_OR_STM(half) (((half) & 0xfe40) == 0xe800)
#define IS_LDRD_OR_STRD(half) (((half) & 0xfe40) == 0xe840 && ((half) & 0x0120))
// With P, U and W all 0 it is VMOV, whose registers are no addresses.
#define IS_VLDR_OR_VSTR(half, second)                                                                                  \
    (((half) & 0xfe00) == 0xec00 && ((half) & 0x01a0) && ((second) & 0x0e00) == 0x0a00)
#define SP 13

// How many instructions the core that executes has executed.
uint64_t instructions(const struct state *state) {
    return state->count + state->ahead;
}

// Stop before the next instruction, for Python to look whether an exception can be taken.
static void interrupt(struct state *state) {
    state->is_interrupted = 1;
    state->limit = state->count;
}

// SEV sets the event register of both cores; unicorn takes it for NOP.
static void send_event(struct state *state) {
    for (int core = 0; core < CORES; core++) {
        state->events[core] = 1;
    }
    if (state->is_event_awaited) {
        interrupt(state);
    }
}

static void watch(uc_engine *uc, struct state *state) {
    if (state->pc == state->watched && state->reached == NEVER) {
        state->reached = instructions(state);
    }
    if (state->measures_stack) {
        uint32_t sp = 0;
        uc_reg_read(uc, UC_ARM_REG_SP, &sp);
        if (sp < state->lowest) {
            state->lowest = sp;
        }
        if (sp > state->highest) {
            state->highest = sp;
        }
    }
}

// Stop before an instruction that would access words at an address that is not a multiple of 4: it would fault whatever
// CCR.UNALIGN_TRP is (Armv8-M manual, B7.8), but unicorn executes it. Its base register is number `n`.
static void check_alignment(uc_engine *uc, struct state *state, unsigned n) {
    if (n >= SP) { // the stack pointer is always aligned, and so is PC as a base
        return;
    }
    uint32_t base = 0;
    uc_reg_read(uc, UC_ARM_REG_R0 + n, &base);
    if (base & 3) {
        state->unaligned = base;
        uc_emu_stop(uc);
    }
}

static void decode(uc_engine *uc, struct state *state, uint32_t address, uint32_t size) {
    const struct code *code = &state->code[address >> WINDOW_BITS];
    uint32_t offset = address & ((1u << WINDOW_BITS) - 1);
    if (offset + size > code->size) {
        return;
    }
    const uint16_t *half = (const uint16_t *)(code->bytes + offset);
    uint32_t it_left = state->it_left; // an instruction that an IT block skips must not fault
    if (it_left) {
        state->it_left--;
    }
    if (size == 2) {
        if (IS_LDM_OR_STM(half[0]) && !it_left) {
            check_alignment(uc, state, half[0] >> 8 & 7);
        } else if (IS_IT(half[0])) {
            state->it_left = 4 - __builtin_ctz(half[0]);
        } else if (half[0] == SEV) {
            send_event(state);
        } else if (IS_CPSIE(half[0]) && state->is_masked[state->core]) {
            interrupt(state);
        }
    } else if (IS_MSR(half[0])) {
        if (state->is_masked[state->core]) {
            interrupt(state);
        }
    } else if (!it_left &&
               (IS_WIDE_LDM_OR_STM(half[0]) || IS_LDRD_OR_STRD(half[0]) || IS_VLDR_OR_VSTR(half[0], half[1]))) {
        check_alignment(uc, state, half[0] & 15);
    }
}

void on_instruction(uc_engine *uc, uint64_t address, uint32_t size, void *user_data) {
    struct state *state = user_data;
    if (state->count >= state->limit) {
        // unicorn does not stop inside an IT block: the instruction before which it was to stop has been executed.
        if (state->is_stopped) {
            state->count++;
        }
        state->is_stopped = 1;
        state->pc = address;
        uc_emu_stop(uc);
        return;
    }
    state->pc = address;
    if (state->core == 0 && (state->measures_stack || state->watched == address)) {
        watch(uc, state);
    }
    state->count++;
    decode(uc, state, address, size);
}

// Which lock a register of the SIO accesses, or -1. Erratum RP2350-E2: a write to a register between the spin locks and
// the end of the SIO releases the lock whose register has the same bits 2 to 6.
static int lock_of(uint64_t offset, uint64_t end) {
    return offset >= SPINLOCK0 && offset < end ? (int)(offset >> 2 & (LOCKS - 1)) : -1;
}

uint64_t sio_read(uc_engine *uc, uint64_t offset, unsigned size, void *user_data) {
    struct state *state = user_data;
    if (offset == CPUID) {
        return state->core;
    }
    int n = lock_of(offset, SPINLOCK31 + 4);
    if (n < 0) {
        return state->read(uc, offset, size, NULL);
    }
    uint32_t bit = 1u << n, core = state->core;
    struct lock *lock = &state->statistics[n];
    if (state->locks & bit && !state->lock_is_broken) {
        lock->refused_reads[core]++;
        if (!(state->refused[core] & bit)) {
            lock->waits[core]++;
        }
        state->refused[core] |= bit;
        return 0;
    }
    state->locks |= bit;
    state->refused[core] &= ~bit;
    state->owner[n] = core;
    state->taken_at[n] = instructions(state);
    lock->acquisitions[core]++;
    return bit;
}

static void release(struct state *state, int n) {
    uint32_t core = state->core;
    if (state->locks & 1u << n && state->owner[n] == core && state->taken_at[n] != NEVER) {
        uint64_t held = instructions(state) - state->taken_at[n];
        uint32_t *longest = &state->statistics[n].longest[core];
        if (held > *longest) {
            *longest = held;
        }
    }
    state->taken_at[n] = NEVER;
    state->locks &= ~(1u << n);
}

void sio_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user_data) {
    struct state *state = user_data;
    int n = lock_of(offset, SIO_END);
    if (n >= 0) {
        release(state, n);
    }
    if (offset < SPINLOCK0 || offset > SPINLOCK31) {
        state->write(uc, offset, size, value, NULL);
    }
}
