"""How a core enters and leaves exception handlers, and what it does with a fault (Armv8-M manual, B3.18 to B3.33)."""

import struct

from fault import BUS, FORCED, INVPC, INVSTATE, MEMORY, STKERR, UNSTKERR, USAGE, VECTTBL, Fault, Lockup, hex8
from nvic import HARD_FAULT, NMI
from registers import (
    ALIGNED,
    CALLER_SAVED,
    CONTROL,
    FAULTMASK,
    FPCA,
    FPSCR,
    GENERAL,
    IPSR,
    IT_STATE,
    LR,
    S0_TO_S15,
    SP,
    SPSEL,
    THUMB,
    XPSR,
    read_all,
    write_all,
)

# EXC_RETURN, the value of LR in a handler (B3.18.1): all of the chip's code is Secure.
EXC_RETURN = 0xFFFFFFE1
STANDARD_FRAME, TO_THREAD = 1 << 4, 1 << 3
FRAME_WORDS, FP_FRAME_WORDS = 8, 26
NAMES = [*(f"r{n}" for n in range(13)), "sp", "lr", "pc"]
NAMES_IN_A_LINE = 6

SHCSR_ENABLES = {MEMORY: 1 << 16, BUS: 1 << 17, USAGE: 1 << 18}


def enter(core, number):
    """Enter the handler of exception *number*; the core then returns to core.pc. Raise Fault if that faults."""
    uc = core.uc
    sp, xpsr, control = read_all(uc, (SP, XPSR, CONTROL))
    if control & SPSEL:
        raise Fault("the emulator has no process stack pointer, which CONTROL.SPSEL selects")
    has_fp = control & FPCA
    frame = [*read_all(uc, CALLER_SAVED), core.pc, xpsr & ~ALIGNED | (ALIGNED if sp & 4 else 0) | THUMB]
    if has_fp:
        frame += [*read_all(uc, S0_TO_S15), uc.reg_read(FPSCR), 0]
    sp = (sp & ~7) - 4 * len(frame) & 0xFFFFFFFF
    if not core.memory.write(sp, struct.pack(f"<{len(frame)}I", *frame)):
        raise Fault("exception entry: no memory for its frame", sp, status=STKERR)
    place = core.scb.vtor + 4 * number
    vector = core.memory.read(place, 4)
    if vector is None:
        raise Fault("exception entry: no memory for its vector", place, hard_status=VECTTBL)
    handler = struct.unpack("<I", vector)[0]
    lr = EXC_RETURN | (0 if has_fp else STANDARD_FRAME) | (0 if core.nvic.active else TO_THREAD)
    uc.reg_write(CONTROL, control & ~FPCA)
    write_all(uc, (SP, LR, XPSR), (sp, lr, xpsr & ~(IPSR | IT_STATE) | THUMB | number))
    core.nvic.pending &= ~(1 << number)
    core.nvic.active.append(number)
    core.pc = handler & ~1
    if not handler & 1:
        raise Fault("an exception vector that is even, as for Arm state,", place, USAGE, INVSTATE)


def leave(core, exc_return):
    """Return from the running handler by the value *exc_return*. Raise Fault if that faults."""
    uc, nvic = core.uc, core.nvic
    sp = uc.reg_read(SP)
    has_fp = not exc_return & STANDARD_FRAME
    words = FP_FRAME_WORDS if has_fp else FRAME_WORDS
    if bool(exc_return & TO_THREAD) != (len(nvic.active) == 1):
        raise Fault(f"exception return by {hex8(exc_return)} from {len(nvic.active)} handlers", None, USAGE, INVPC)
    data = core.memory.read(sp, 4 * words)
    if data is None:
        raise Fault("exception return: no memory for its frame", sp, status=UNSTKERR)
    frame = struct.unpack(f"<{words}I", data)
    if nvic.active.pop() != NMI:
        uc.reg_write(FAULTMASK, 0)
    *saved, pc, xpsr = frame[:FRAME_WORDS]
    control = uc.reg_read(CONTROL)
    if has_fp:
        write_all(uc, (*S0_TO_S15, FPSCR), frame[FRAME_WORDS:-1])
    uc.reg_write(CONTROL, control | FPCA if has_fp else control & ~FPCA)
    sp += 4 * words + (4 if xpsr & ALIGNED else 0)
    write_all(uc, (*CALLER_SAVED, SP, XPSR), (*saved, sp, xpsr & ~ALIGNED))
    core.pc = pc & ~1
    core.event = True


def take_fault(core, fault):
    """Enter the handler of *fault*, which happened at core.pc. Raise Lockup if there is nothing that can handle it."""
    nvic, scb = core.nvic, core.scb
    faultmask = core.uc.reg_read(FAULTMASK)
    scb.cfsr |= fault.status
    if fault.address is not None:
        scb.bfar = scb.mmfar = fault.address
    if nvic.active_priority <= nvic.priorities[HARD_FAULT] or faultmask:
        text = core.fault if HARD_FAULT in nvic.active else described(core, fault)
        raise Lockup(f"HardFault of core {core.index}: {text}")
    number = fault.kind
    if (
        fault.hard_status
        or not scb.shcsr & SHCSR_ENABLES[number]
        or nvic.group(nvic.priorities[number]) >= core.priority
    ):
        number = HARD_FAULT
        scb.hfsr |= fault.hard_status or FORCED
        core.fault = described(core, fault)
    try:
        enter(core, number)
    except Fault as error:
        raise Lockup(f"HardFault of core {core.index}: {described(core, fault)}\nand then: {error}") from error


def described(core, fault):
    """Return the text of *fault* with the registers of the core."""
    values = [*read_all(core.uc, GENERAL[:-1]), core.pc, core.uc.reg_read(XPSR)]
    registers = [f"{name}={hex8(value)}" for name, value in zip([*NAMES, "xpsr"], values, strict=True)]
    lines = [" ".join(registers[i : i + NAMES_IN_A_LINE]) for i in range(0, len(registers), NAMES_IN_A_LINE)]
    return "\n".join([str(fault), *lines])
