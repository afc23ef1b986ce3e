"""The cores of the RP2350 emulator, instruction by instruction, where no program of the firmware reaches them.

Numbers are sections of the Armv8-M manual. Each test has a few instructions of its own.
"""

import re
import struct

import pytest
from unicorn import arm_const

import boot_rom
import fault
import private_bus
from chip import Chip
from core import FOR_EVENT, FOR_INTERRUPT
from nvic import EXTERNAL, HARD_FAULT, PENDSV, SVCALL

VECTORS, CODE, HANDLER, STACK, DATA = 0x20000000, 0x20001000, 0x20002000, 0x20008000, 0x20009000
NOP, BX_LR, WFI, WFE, SEV = 0xBF00, 0x4770, 0xBF30, 0xBF20, 0xBF40
CPSID_I, CPSIE_I, MARK = 0xB672, 0xB662, 0xBE50
R0, SP, LR = arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR
XPSR, CONTROL = arm_const.UC_ARM_REG_XPSR, arm_const.UC_ARM_REG_CONTROL
ADD_1_TO_R0 = 0x3001


@pytest.fixture
def chip():
    """Return a chip of which core 1 is held in reset. Its handlers all start at HANDLER."""
    chip = Chip(b"")
    chip.hold_core_1(True)
    put(chip, VECTORS, struct.pack("<80I", STACK, *[HANDLER | 1] * 79))
    chip.cores[0].scb.vtor = VECTORS
    return chip


def put(chip, address, data):
    chip.uc.mem_write(address, data)
    chip.uc.ctl_flush_tb()


def prepare(chip, code, handler=(BX_LR,), **registers):
    """Have core 0 continue with the halfwords *code*, and exceptions with *handler*."""
    put(chip, CODE, struct.pack(f"<{len(code) + 8}H", *code, *[NOP] * 8))
    put(chip, HANDLER, struct.pack(f"<{len(handler)}H", *handler))
    core = chip.cores[0]
    chip.uc.reg_write(SP, STACK)
    for name, value in registers.items():
        chip.uc.reg_write(getattr(arm_const, f"UC_ARM_REG_{name.upper()}"), value)
    core.pc = CODE
    return core


def interrupt(chip, number, priority=0):
    chip.cores[0].nvic.enabled |= 1 << EXTERNAL + number
    chip.cores[0].nvic.priorities[EXTERNAL + number] = priority
    chip.cores[0].set_line(number, True)
    chip.stop()


# ---- exceptions


def test_the_frame_of_an_exception(chip):
    """B3.18: r0 to r3, r12, lr, return address and xPSR, with SP aligned to 8 bytes, which bit 9 records."""
    registers = {"r0": 10, "r1": 11, "r2": 12, "r3": 13, "r12": 22, "lr": 0x1235, "xpsr": 1 << 24}
    core = prepare(chip, [NOP], handler=[NOP, NOP], sp=STACK - 4, **registers)
    interrupt(chip, 5)
    chip.run(1)
    frame = struct.unpack("<8I", chip.uc.mem_read(STACK - 8 - 32, 32))
    assert frame == (10, 11, 12, 13, 22, 0x1235, CODE, 1 << 24 | 1 << 9)
    assert (chip.uc.reg_read(SP), core.nvic.active) == (STACK - 8 - 32, [EXTERNAL + 5])
    assert chip.uc.reg_read(XPSR) & 0x1FF == EXTERNAL + 5


def test_return_restores_what_the_handler_changed(chip):
    core = prepare(chip, [NOP], handler=[0x2063, BX_LR], r0=7)  # movs r0, #99
    interrupt(chip, 0)
    chip.cores[0].set_line(0, False)
    chip.run(2)
    assert (chip.uc.reg_read(R0), chip.uc.reg_read(SP), core.pc, core.nvic.active) == (7, STACK, CODE, [])


def test_a_line_that_stays_high_interrupts_again(chip):
    """B3.13: after its handler has returned."""
    core = prepare(chip, [NOP] * 8, handler=[BX_LR])
    interrupt(chip, 0)
    chip.run(6)
    assert core.pc == CODE  # nothing but handlers
    core.set_line(0, False)
    chip.run(6)
    assert core.pc > CODE


def test_priorities(chip):
    """B3.12: of two that wait, the one with the lower number of priority runs; only a lower number interrupts it."""
    core = prepare(chip, [NOP] * 4, handler=[NOP] * 8)
    interrupt(chip, 1, priority=0x80)
    interrupt(chip, 2, priority=0x40)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2]
    interrupt(chip, 3, priority=0x40)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2]
    interrupt(chip, 4, priority=0x20)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2, EXTERNAL + 4]


def test_sub_priorities(chip):
    """B3.12: with PRIGROUP 5, bits 4 and 5 of a priority decide which of two comes first, and interrupt nothing."""
    core = prepare(chip, [NOP] * 4, handler=[NOP] * 8)
    chip._private_bus.write(private_bus.AIRCR, 0x05FA0500)
    assert chip._private_bus.read(private_bus.AIRCR) == 0xFA050500
    interrupt(chip, 1, priority=0x60)
    interrupt(chip, 2, priority=0x50)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2]
    interrupt(chip, 3, priority=0x40)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2]
    interrupt(chip, 4, priority=0x30)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 2, EXTERNAL + 4]


@pytest.mark.parametrize(("prigroup", "is_held"), [(5, True), (0, False)])
def test_basepri_has_no_sub_priority(chip, prigroup, is_held):
    core = prepare(chip, [NOP] * 4, handler=[NOP] * 4, basepri=0x50)
    chip._private_bus.write(private_bus.AIRCR, 0x05FA0000 | prigroup << 8)
    interrupt(chip, 0, priority=0x40)
    chip.run(1)
    assert core.nvic.active == ([] if is_held else [EXTERNAL])


def test_masks_hold_interrupts_back(chip):
    """The first instruction after CPSIE is the handler's."""
    core = prepare(chip, [CPSID_I, NOP, NOP, CPSIE_I, NOP], handler=[NOP] * 4)
    chip.run(1)
    interrupt(chip, 0)
    chip.run(2)
    assert core.nvic.active == []
    chip.run(2)
    assert (core.nvic.active, core.nvic.running) == ([EXTERNAL], EXTERNAL)
    assert struct.unpack("<I", chip.uc.mem_read(STACK - 8, 4))[0] == CODE + 2 * 4


def test_basepri_holds_lower_priorities_back(chip):
    core = prepare(chip, [NOP] * 4, handler=[NOP] * 4, basepri=0x40)
    interrupt(chip, 0, priority=0x40)
    chip.run(1)
    assert core.nvic.active == []
    interrupt(chip, 1, priority=0x20)
    chip.run(1)
    assert core.nvic.active == [EXTERNAL + 1]


def test_pendsv_and_svc(chip):
    core = prepare(chip, [0xDF00, NOP], handler=[NOP, BX_LR])  # svc #0
    chip.run(2)
    assert core.nvic.active == [SVCALL]
    assert struct.unpack("<I", chip.uc.mem_read(STACK - 8, 4))[0] == CODE + 2
    chip.run(1)
    core.nvic.pending |= 1 << PENDSV
    chip.run(1)
    assert core.nvic.active == [PENDSV]


def test_the_floating_point_context_is_saved(chip):
    """B3.19: 26 words, S0 to S15 and FPSCR after the eight; LR has FType 0; what the handler does to S0 is undone."""
    code = [0xEE00, 0x0A10, NOP]  # vmov s0, r0
    handler = [0xEE00, 0x1A10, BX_LR]  # vmov s0, r1
    core = prepare(chip, code, handler, r0=0x3F800000, r1=0x40000000)
    chip.run(1)
    assert chip.uc.reg_read(CONTROL) & 4
    interrupt(chip, 0)
    chip.run(1)
    assert chip.uc.reg_read(SP) == STACK - 4 * 26 and chip.uc.reg_read(LR) & 0x10 == 0
    assert struct.unpack("<I", chip.uc.mem_read(STACK - 4 * 18, 4))[0] == 0x3F800000
    core.set_line(0, False)
    chip.run(1)
    assert (chip.uc.reg_read(arm_const.UC_ARM_REG_S0), chip.uc.reg_read(SP)) == (0x3F800000, STACK)


# ---- faults

FAULTS = {
    "read": ([0x6800], {"r0": 0x60000000}, "read from an address where nothing is at 0x60000000"),
    "write": ([0x6001], {"r0": 0x60000000}, "write to an address where nothing can be written at 0x60000000"),
    "ldm": ([0xC806], {"r0": DATA + 1}, f"unaligned .* at {DATA + 1:#010x}"),
    "ldrd": ([0xE9D0, 0x1200], {"r0": DATA + 2}, f"unaligned .* at {DATA + 2:#010x}"),
    "ldrex": ([0xE850, 0x1F00], {"r0": DATA + 1}, "unaligned"),
    "vldr": ([0xED90, 0x0A00], {"r0": DATA + 2}, f"unaligned .* at {DATA + 2:#010x}"),
    "undefined": ([0xDE01], {}, f"undefined instruction at {CODE:#010x}"),
    "breakpoint": ([0xBE07], {}, f"breakpoint 7 without a debugger at {CODE:#010x}"),
    "coprocessor": ([0xEE10, 0x0710], {}, "coprocessor 7"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_enters_the_handler_at_the_instruction(chip, name):
    """The return address is that of the instruction, which has changed nothing and does not count."""
    code, registers, _ = FAULTS[name]
    core = prepare(chip, code, [NOP, NOP], **registers)
    before = core.instructions
    chip.run(2)
    assert core.nvic.active == [HARD_FAULT]
    assert struct.unpack("<I", chip.uc.mem_read(STACK - 8, 4))[0] == CODE
    assert chip.uc.reg_read(R0) == registers.get("r0", 0)
    assert core.instructions - before == 2


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_fault_handler_locks_up(chip, name):
    """B3.33. The message is about the first fault and has the registers that the core had then."""
    code, registers, message = FAULTS[name]
    prepare(chip, code, [0xBE00], r7=0x77777777, **registers)
    with pytest.raises(fault.Lockup) as caught:
        chip.run(10)
    text = str(caught.value)
    assert re.match(f"HardFault of core 0: .*{message}", text), text
    assert f"pc={CODE:#010x}" in text and "r7=0x77777777" in text and f"sp={STACK:#010x}" in text


def test_execution_where_no_code_can_be(chip):
    """The return address is the place that the core branched to."""
    for place in (0x60000000, 0x40000000, 0xE000E000):
        core = prepare(chip, [0x4700], [NOP], r0=place | 1)  # bx r0
        core.nvic.active.clear()
        chip.uc.reg_write(XPSR, 1 << 24)
        chip.run(2)
        assert core.nvic.active == [HARD_FAULT]
        assert struct.unpack("<I", chip.uc.mem_read(STACK - 8, 4))[0] == place


def test_a_fault_goes_to_its_own_handler_if_that_is_enabled(chip):
    """D1.2: SHCSR.BUSFAULTENA is bit 17; PRECISERR and BFARVALID are bits 9 and 15 of CFSR."""
    core = prepare(chip, [0x6800], [NOP], r0=0x60000000)
    core.scb.shcsr = 1 << 17
    chip.run(2)
    assert core.nvic.active == [fault.BUS]
    assert (core.scb.cfsr, core.scb.bfar, core.scb.hfsr) == (1 << 9 | 1 << 15, 0x60000000, 0)


def test_a_skipped_instruction_does_not_fault(chip):
    """IT EQ with Z clear: the LDM of an odd address is not executed."""
    core = prepare(chip, [0xBF08, 0xC806, NOP], r0=DATA + 1)
    chip.run(3)
    assert (core.pc, core.nvic.active) == (CODE + 6, [])


def test_registers_that_are_moved_to_the_fpu_are_no_addresses(chip):
    """C2.4: VMOV D0, R2, R3 is coded like a VSTM that neither adds, subtracts nor writes back."""
    core = prepare(chip, [0xEC43, 0x2B10, NOP], r2=0x12345678, r3=0x9ABCDEF1)
    chip.run(2)
    assert (core.pc, core.nvic.active) == (CODE + 6, [])
    assert chip.uc.reg_read(arm_const.UC_ARM_REG_D0) == 0x9ABCDEF1_12345678


def test_a_return_that_does_not_fit_is_a_usage_fault(chip):
    """D1.2: INVPC, bit 18 of CFSR, and FORCED, bit 30 of HFSR: EXC_RETURN says thread mode, below is a handler."""
    core = prepare(chip, [NOP] * 4, handler=[BX_LR])
    chip.run(1)
    core.nvic.active = [EXTERNAL + 1, EXTERNAL]
    core.nvic.priorities[EXTERNAL] = core.nvic.priorities[EXTERNAL + 1] = 0x80
    core.pc = HANDLER
    chip.uc.reg_write(XPSR, 1 << 24 | EXTERNAL)
    chip.uc.reg_write(LR, 0xFFFFFFF9)
    chip.run(2)
    assert (core.scb.cfsr, core.scb.hfsr) == (1 << 18, 1 << 30)


def test_a_frame_never_overwrites_read_only_memory(chip):
    """4.4.5 of the datasheet: a write to flash has no effect. Nothing can be pushed to the boot ROM."""
    place = 0x10000100
    prepare(chip, [NOP], handler=[NOP], sp=place)
    interrupt(chip, 0)
    before = chip.flash[:]
    chip.run(1)
    assert chip.uc.reg_read(SP) == place - 32 and chip.flash[:] == before
    core = prepare(chip, [NOP], handler=[NOP], sp=0x100)
    core.nvic.active.clear()
    before = chip.rom[:]
    with pytest.raises(fault.Lockup, match="exception entry: no memory for its frame at 0x000000e0"):
        chip.run(1)
    assert core.scb.cfsr == 1 << 12 and chip.rom[:] == before  # STKERR


def test_a_vector_that_cannot_be_read(chip):
    """D1.2: VECTTBL, bit 1 of HFSR. HardFault's own vector is there: the last that can be read."""
    end = 0x20082000  # of SRAM
    core = prepare(chip, [NOP], handler=[NOP, NOP])
    core.scb.vtor = end - 16
    chip.uc.mem_write(end - 4, struct.pack("<I", HANDLER | 1))
    core.scb.shcsr = 1 << 17  # BUSFAULTENA, which makes no difference
    interrupt(chip, 0)
    chip.run(1)
    assert (core.nvic.active, core.scb.hfsr, core.scb.cfsr) == ([HARD_FAULT], 1 << 1, 0)
    assert core.fault.startswith(f"exception entry: no memory for its vector at {end + 4 * 12:#010x}")


DEBUGEVT, FORCED = 1 << 31, 1 << 30


@pytest.mark.parametrize(("code", "status"), [([0xBE07], DEBUGEVT), ([0xDE01], FORCED), ([0xDF00], FORCED)])
def test_why_a_hardfault(chip, code, status):
    """D1.2, HFSR: a breakpoint is a debug event, whatever BUSFAULTENA is; all else is escalated, as SVC is here."""
    core = prepare(chip, code, [NOP, NOP])
    core.scb.shcsr = 1 << 17
    core.nvic.priorities[SVCALL] = 0x80
    chip.uc.reg_write(arm_const.UC_ARM_REG_BASEPRI, 0x40)
    chip.run(2)
    assert (core.nvic.active, core.scb.hfsr) == ([HARD_FAULT], status)


# ---- the interrupt controller's registers


def test_stir_makes_each_interrupt_pending(chip):
    """D1.2: INTID has 9 bits. RP2350 datasheet 3.2: there are 52 interrupts, and the bits of others stay 0."""
    core = chip.cores[0]
    for number in range(64):
        core.nvic.pending = 0
        chip._private_bus.write(private_bus.STIR, number)
        assert core.nvic.pending == (1 << EXTERNAL + number if number < 52 else 0)


def test_interrupts_that_the_chip_lacks_are_never_enabled_or_pending(chip):
    core = prepare(chip, [NOP] * 4, handler=[NOP] * 4)
    for word in range(16):
        for register in (private_bus.ISER, private_bus.ISPR):
            chip._private_bus.write(register + 4 * word, 0xFFFFFFFF)
            implemented = (0xFFFFFFFF, 0x000FFFFF, *[0] * 14)[word]
            assert chip._private_bus.read(register + 4 * word) == implemented
    chip.run(1)
    assert core.nvic.active == [EXTERNAL]


def test_vectpending_is_what_comes_first(chip):
    """D1.2, ICSR: the exception of the highest priority that is pending and enabled; bits 12 to 20."""
    prepare(chip, [NOP])
    assert chip._private_bus.read(private_bus.ICSR) >> 12 & 0x1FF == 0
    interrupt(chip, 3, priority=0x80)
    interrupt(chip, 9, priority=0x40)
    assert chip._private_bus.read(private_bus.ICSR) >> 12 & 0x1FF == EXTERNAL + 9


def test_a_line_stays_high_while_its_core_is_reset(chip):
    core = prepare(chip, [NOP] * 4)
    chip.peripherals.irq(40, True, cores=(0,))
    chip._private_bus.write(private_bus.AIRCR, 0x05FA0004)
    chip.run(1)
    assert core.pc < boot_rom.SIZE and core.nvic.lines == 1 << EXTERNAL + 40


# ---- sleep


def test_wfi_ends_without_a_handler_if_masked(chip):
    """B3.35."""
    core = prepare(chip, [CPSID_I, WFI, ADD_1_TO_R0], handler=[NOP], r0=0)
    chip.run(100)
    assert (core.waiting, core.instructions) == (FOR_INTERRUPT, 2)
    interrupt(chip, 0)
    chip.run(1)
    assert (core.waiting, core.nvic.active, chip.uc.reg_read(R0)) == (None, [], 1)


def test_wfe_takes_the_event_or_sleeps(chip):
    """B3.36: SEV sets the event register, WFE clears it; a second WFE sleeps until an event."""
    core = prepare(chip, [SEV, WFE, WFE, ADD_1_TO_R0], r0=0)
    chip.run(100)
    assert (core.waiting, core.pc) == (FOR_EVENT, CODE + 6)
    chip.send_event()
    chip.run(1)
    assert (core.waiting, chip.uc.reg_read(R0)) == (None, 1)


@pytest.mark.parametrize("sevonpend", [0, private_bus.SEVONPEND])
def test_sevonpend(chip, sevonpend):
    """D1.2: an interrupt that becomes pending is an event, though it is not enabled."""
    core = prepare(chip, [WFE, ADD_1_TO_R0], r0=0)
    core.scb.scr = sevonpend
    chip.run(100)
    core.set_line(9, True)
    chip.run(1)
    assert (core.waiting is None) == bool(sevonpend)


# ---- counts


def test_it_blocks_count_exactly(chip):
    """Six instructions between two marks, of which a block has three; wherever a turn ends."""
    code = [MARK, NOP, 0xBF04, 0x3001, 0x3001, NOP, NOP, MARK]  # itt eq; addeq r0, #1 twice
    for turn in range(1, 9):
        prepare(chip, code, xpsr=1 << 24 | 1 << 30)  # Z
        chip.marks.clear()
        while len(chip.marks) < 2:
            chip.run(turn)
        first, second = chip.marks
        assert second["instructions"] - first["instructions"] == 6


def test_the_masked_core_counts_as_well_as_any(chip):
    prepare(chip, [CPSID_I, MARK, *[NOP] * 40, MARK])
    interrupt(chip, 0)
    chip.cores[0].nvic.enabled = 0
    chip.run(60)
    first, second = chip.marks
    assert second["instructions"] - first["instructions"] == 40


# ---- the boot ROM


@pytest.mark.parametrize("buffer", [0x100, 0x10000100, 0x60000000])
def test_get_sys_info_writes_memory_only(chip, buffer):
    """RP2350 datasheet 5.4.8. 4.4.5: a write to flash has no effect."""
    function = rom_function(chip, "GS")
    core = prepare(chip, [0x47A0, MARK], [MARK], r0=buffer, r1=9, r2=1, r4=function)  # blx r4
    before = chip.rom[:], chip.flash[:]
    while not chip.marks:
        chip.run(1)
    assert (chip.rom[:], chip.flash[:]) == before
    assert core.nvic.active == ([] if buffer == 0x10000100 else [HARD_FAULT])
    assert core.scb.bfar == (0 if buffer == 0x10000100 else buffer)


def rom_function(chip, letters):
    prepare(chip, [0x47A0, MARK], r0=ord(letters[0]) | ord(letters[1]) << 8, r1=4, r4=rom_halfword(chip, 0x16))
    while not chip.marks:
        chip.run(1)
    chip.marks.clear()
    return chip.uc.reg_read(R0)


def rom_halfword(chip, address):
    return struct.unpack_from("<H", chip.rom, address)[0]


@pytest.mark.parametrize(("code", "flag", "is_there"), [("RB", 4, True), ("RB", 0x40, False), ("ZZ", 4, False)])
def test_the_table_of_functions(chip, code, flag, is_there):
    """RP2350 datasheet 5.4.1: rom_table_lookup_val() at 0x16, rom_table_lookup_entry() at 0x18."""
    found = {}
    for place in (0x16, 0x18):
        letters = ord(code[0]) | ord(code[1]) << 8
        prepare(chip, [0x47A0, MARK], r0=letters, r1=flag, r4=rom_halfword(chip, place))  # blx r4
        chip.marks.clear()
        while not chip.marks:
            chip.run(1)
        found[place] = chip.uc.reg_read(R0)
    assert bool(found[0x16]) == bool(found[0x18]) == is_there
    assert not is_there or rom_halfword(chip, found[0x18]) == found[0x16]


def test_a_function_that_is_missing_names_its_caller(chip):
    letters = ord("O") | ord("A") << 8
    prepare(chip, [0x47A0, 0x4780], [0xBE00], r0=letters, r1=4, r4=rom_halfword(chip, 0x16))  # blx r4, blx r0
    with pytest.raises(fault.Lockup, match=f"lacks the function that is called from {CODE + 4:#010x}"):
        chip.run(1000)


def test_core_1_is_launched_by_six_words_that_it_echoes(chip):
    """RP2350 datasheet 5.3: 0, 0, 1, vector table, stack pointer, entry; a word out of order starts again."""
    prepare(chip, [0xE7FE])  # b .
    chip.hold_core_1(False)
    fifos, core = chip.peripherals.fifos, chip.cores[1]
    chip.run(3000)
    assert (fifos.read(0), core.waiting) == (0, FOR_EVENT)
    for word in (0, 0, 7, 0, 0, 1, VECTORS, STACK, HANDLER | 1):
        fifos.write(0, word)
        chip.run(3000)
        assert fifos.read(0) == word
    assert (core.scb.vtor, core.waiting) == (VECTORS, FOR_INTERRUPT)  # HANDLER has returned to the boot ROM
