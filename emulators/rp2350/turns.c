// Run the cores in turns, for as long as nothing happens that Python has to do.
#include "state.h"

#define LONGEST_TURN 200 // instructions of one core before the other one runs
#define NOWHERE 0xfffffffe

enum { BOTH = (1 << CORES) - 1 };

uint64_t size_of_state(void) {
    return sizeof(struct state);
}

uc_err make_contexts(uc_engine *uc, struct state *state) {
    for (int core = 0; core < CORES; core++) {
        uc_err error = uc_context_alloc(uc, &state->contexts[core]);
        if (!error) {
            error = uc_context_save(uc, state->contexts[core]);
        }
        if (error) {
            return error;
        }
    }
    return UC_ERR_OK;
}

// Have the registers of unicorn be those of `core`.
void switch_to(uc_engine *uc, struct state *state, uint32_t core) {
    if (core != state->core) {
        uc_context_save(uc, state->contexts[state->core]);
        uc_context_restore(uc, state->contexts[core]);
        state->core = core;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint32_t random_turn(struct state *state) { // xorshift32
    state->random ^= state->random << 13;
    state->random ^= state->random >> 17;
    state->random ^= state->random << 5;
    return 1 + state->random % LONGEST_TURN;
}

// Execute instructions of `core` until the end of the turn. Return an error of unicorn.
static uc_err run(uc_engine *uc, struct state *state, uint32_t core) {
    switch_to(uc, state, core);
    state->limit = earlier(state->turn_end, state->alarm);
    state->ahead = state->instructions[core] - state->count;
    state->is_stopped = state->it_left = 0;
    uc_err error = uc_emu_start(uc, state->next_pc[core] | 1, NOWHERE, 0, 0);
    uc_reg_read(uc, UC_ARM_REG_PC, &state->next_pc[core]);
    if (state->is_stopped && state->next_pc[core] != state->pc) {
        state->count++; // the instruction before which it was to stop was the last one of an IT block, a branch
    }
    state->instructions[core] = instructions(state);
    return error;
}

// Begin the part of `core` in the turn, which all cores execute in the same time.
static void take_part(struct state *state, uint32_t core) {
    if (core > 0 && core < CORES) {
        state->turn_latest = state->count;
    }
    state->turn_core = core;
    if (core < CORES) {
        state->count = state->turn_start;
    } else if (state->turn_latest > state->count) {
        state->count = state->turn_latest;
    }
}

// Run the cores whose bits are set in `awake` until `end` or the next alarm, or until Python has to look: then
// state->core is the core that has stopped. Return an error of unicorn.
uc_err run_turns(uc_engine *uc, struct state *state, uint32_t awake, uint64_t end) {
    uc_err error = UC_ERR_OK;
    state->is_interrupted = 0;
    state->is_stopped = 1;
    if (awake != BOTH) {
        take_part(state, CORES);
        state->turn_end = end;
        return run(uc, state, awake >> 1);
    }
    do {
        if (state->turn_core == CORES) {
            if (state->count >= earlier(end, state->alarm)) {
                break;
            }
            state->turn_start = state->turn_latest = state->count;
            state->turn_end = earlier(end, state->count + random_turn(state));
            take_part(state, 0);
        }
        if (state->count < earlier(state->turn_end, state->alarm)) {
            error = run(uc, state, state->turn_core);
        } else {
            take_part(state, state->turn_core + 1);
        }
    } while (!error && !state->is_interrupted && state->is_stopped);
    return error;
}
