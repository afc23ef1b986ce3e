// What the C code and Python's native.py share.
#ifndef STATE_H
#define STATE_H
#include <unicorn/unicorn.h>

#define CORES 2
#define LOCKS 32
#define WINDOW_BITS 24
#define WINDOWS 256
#define NEVER UINT64_MAX

struct code {
    const uint8_t *bytes; // in the host's memory; NULL where no code can be
    uint64_t size;
};

struct lock {
    uint32_t acquisitions[CORES], waits[CORES], refused_reads[CORES], longest[CORES];
};

struct state {
    uint64_t count;             // the time in cycles: each instruction takes one
    uint64_t limit;             // stop before the instruction that would start at this time or later
    uint64_t alarm;             // the time before which no peripheral does anything by itself
    uint64_t unaligned;         // the address that an instruction for aligned words only would access, or NEVER
    uint64_t watched;           // address of an instruction, or NEVER
    uint64_t reached;           // instructions of core 0 before it first executed the watched one, or NEVER
    uint64_t instructions[CORES]; // that a core has executed, without those of this run
    uint64_t ahead;             // what to add to `count` to get the instructions of the core that executes
    uint64_t turn_start, turn_end, turn_latest;
    uint64_t taken_at[LOCKS];   // instructions of the owner when it claimed the lock, or NEVER
    uc_context *contexts[CORES]; // the registers of the core that does not execute
    uc_cb_mmio_read_t read;     // Python's, for the other registers of the SIO
    uc_cb_mmio_write_t write;
    struct code code[WINDOWS];  // of 16 MiB
    struct lock statistics[LOCKS];
    uint32_t core;              // that executes
    uint32_t is_stopped;        // it was to stop before the instruction at `pc`
    uint32_t pc;                // of the instruction that is being executed
    uint32_t it_left;           // instructions of the IT block that it is in
    uint32_t is_masked[CORES];  // an exception is pending that the core cannot take now
    uint32_t is_interrupted;    // Python has to look at why the core has stopped
    uint32_t is_event_awaited;  // a core sleeps by WFE
    uint32_t events[CORES];     // the event registers
    uint32_t next_pc[CORES];
    uint32_t turn_core;         // whose part of the turn is being executed; CORES between two turns
    uint32_t random;            // of xorshift32, not 0
    uint32_t measures_stack;    // of core 0, outside handlers
    uint32_t lowest, highest;   // of its stack pointer
    uint32_t locks;             // claimed, a bit for each
    uint32_t lock_is_broken;    // a read always gets the lock
    uint32_t refused[CORES];    // the locks that a core waits for
    uint32_t owner[LOCKS];
};

uint64_t instructions(const struct state *state);

#endif
