"""The proof's interpreter does what QEMU does with each instruction of the firmware, and a wrong one is noticed."""

import itertools

import pytest

from proof.logic.terms import Bits, bits
from proof.machine import forms
from proof.machine.thumb import LR, SP, C, Interpreter, N, V, Z
from proof.qemu import instructions
from proof.qemu.instructions import Difference, Executed, compare
from proof.qemu.processor import MACHINES, Machine

CASES = 40
SEED = 18
pytestmark = pytest.mark.xdist_group("proof_instructions")  # one worker: what QEMU does is found out once


@pytest.fixture(scope="module")
def executed(functions):
    """Return what the Cortex-M3 makes of the cases."""
    return Executed(functions, CASES, SEED, MACHINES[:1])


def ways(executed, interpreter, stops_after):
    """Return in which ways an interpreter differs from the processor, up to the first time that it does in this one."""
    found = set()
    for *_, way, values in executed.compared(interpreter):
        if values:
            found.add(way)
            if way == stops_after:
                break
    return found


def test_each_instruction_does_what_it_does_in_qemu(functions):
    report = compare(functions, CASES, SEED)
    assert not report.differences, report
    all_of_them = itertools.chain.from_iterable(map(forms.instructions, functions.values()))
    occurring = {each.halves: each.form.name for each in all_of_them}
    assert report.instructions == len(occurring)
    assert report.forms.keys() == set(occurring.values())
    for name, count in report.forms.items():
        assert count == len(MACHINES) * (CASES + list(occurring.values()).count(name)), name
    assert report.with_symbols >= sum(report.forms.values()) // instructions.SYMBOLIC


def test_every_byte_is_of_an_instruction_or_of_a_table(functions):
    for function in functions.values():
        tables = sum(line.size() for line in function.lines.values() if forms.is_table(line))
        code = sum(each.form.size for each in forms.instructions(function))
        end = max(address + line.size() for address, line in function.lines.items()) + 2
        assert tables + code == end


def changed(change):
    """Return an Interpreter that has `change(first half word, state before, state)` spoil each state after a step."""

    class Wrong(Interpreter):
        def step(self, state):
            first, before = self.halfword(state.pc), state.copy()
            states = super().step(state)
            for after in states:
                change(first, before, after)
            return states

    return Wrong


def is_form(first, *names):
    form, _ = forms.decoded((first,))
    return form is not None and form.name in names


def borrow_for_carry(first, before, after):
    if is_form(first, "cmp", "cmp 8 bits", "sub registers", "sub 8 bits", "sub 3 bits", "rsb"):
        after.flags[C] = ~after.flags[C]


def carry_if_equal(first, before, after):
    if is_form(first, "add 8 bits"):
        after.flags[C] = after.registers[first >> 8 & 7] <= before.registers[first >> 8 & 7]


def no_overflow(first, before, after):
    if is_form(first, "cmp", "cmp 8 bits", "sub registers", "sub 8 bits", "sub 3 bits"):
        after.flags[V] = bits(0) == 1


def counts_of_five_bits(first, before, after):
    if is_form(first, "lsl"):
        after.registers[first & 7] = before.registers[first & 7] << (before.registers[first >> 3 & 7] & 31)


def carry_of_no_shift(first, before, after):
    if is_form(first, "lsl by a number") and not first >> 6 & 31:
        after.flags[C] = bits(0) == 1


def mov_sets_flags(first, before, after):
    if is_form(first, "mov any register"):
        value = after.registers[first & 7 | first >> 4 & 8]
        after.flags[N], after.flags[Z] = value.bit(31), value == 0


def carry_of_a_product(first, before, after):
    if is_form(first, "mul"):
        after.flags[C] = bits(0) == 1


def call_without_thumb_bit(first, before, after):
    if first >> 11 == 0b11110 and first != 0xF3EF and first != 0xF3BF:
        after.registers[LR] = after.registers[LR] & ~1


def no_way_back(first, before, after):
    if is_form(first, "ldm"):
        after.registers[first >> 8 & 7] = before.registers[first >> 8 & 7]


def stack_pointer_stays(first, before, after):
    if is_form(first, "pop with pc"):
        after.registers[SP] = before.registers[SP]


def signed_byte(first, before, after):
    if is_form(first, "ldrb"):
        value = after.registers[first & 7]
        after.registers[first & 7] = value.bit(7).choose(value | 0xFFFFFF00, value)


def high_half(first, before, after):
    if is_form(first, "ldrh"):
        after.registers[first & 7] = after.registers[first & 7] << 16


def branches_short(first, before, after):
    if is_form(first, "b") and first & 0x400:
        after.pc += 2


def add_pc_from_here(first, before, after):
    if is_form(first, "add to pc"):
        after.pc -= 2


def interrupts_stay(first, before, after):
    if is_form(first, "cpsid"):
        after.masked = before.masked


def no_exception(first, before, after):
    if first == 0xF3EF:
        after.registers = [after.registers[number] & 1 for number in range(13)] + after.registers[13:]


def stores_next_to_it(first, before, after):
    if is_form(first, "str to the stack"):
        address = min(after.stack)
        after.stack[address + 4] = after.stack.pop(address)


def comparison_not_forgotten(first, before, after):
    after.compared = after.compared or before.compared


def takes_two_steps(first, before, after):
    after.steps += 1


@pytest.mark.parametrize(
    "change",
    [
        borrow_for_carry, carry_if_equal, no_overflow, counts_of_five_bits, carry_of_no_shift, mov_sets_flags,
        carry_of_a_product, call_without_thumb_bit, no_way_back, stack_pointer_stays, signed_byte, high_half,
        branches_short, add_pc_from_here, interrupts_stay, no_exception, stores_next_to_it, comparison_not_forgotten,
        takes_two_steps,
    ],
)  # fmt: skip
def test_wrong_interpreter_is_noticed(executed, change, monkeypatch):
    monkeypatch.setattr(instructions, "SYMBOLIC", 1000)
    assert "numbers" in ways(executed, changed(change), "numbers")


def test_wrong_computing_with_symbols_is_noticed(executed, monkeypatch):
    """Only symbols are shifted wrongly here."""
    right = Bits.shift_with_sign
    wrong = lambda value, count: right(value, count) if value.number is not None else value >> count  # noqa: E731
    monkeypatch.setattr(Bits, "shift_with_sign", wrong)
    assert ways(executed, Interpreter, None) == {"symbols"}


def test_a_difference_says_what_went_in_and_what_came_out(executed):
    different = (each for each in executed.compared(changed(carry_of_a_product)) if each[-1])
    machine, case, way, values = next(each for each in different if each[1].form.name == "mul")
    first, inputs, *outputs = str(Difference(machine, case, way, values)).splitlines()
    assert first.startswith(f"{case.code().hex(' ')}: muls r{case.halves[0] & 7}, r{case.halves[0] >> 3 & 7}")
    assert f"r0={case.registers[0]:#x} " in inputs and f" sp={case.registers[SP]:#x} " in inputs
    assert outputs == ["    C: Cortex-M3 True, the interpreter with numbers False"]


def test_instruction_that_is_new_is_compared_or_refused(functions):
    small = functions["fill"]
    address = next(address for address, line in small.lines.items() if line.name == "add")

    def with_instruction(half):
        code = small.code[:address] + half.to_bytes(2, "little") + small.code[address + 2 :]
        return {"fill": small.with_code(code)}

    report = compare(with_instruction(0x4111), 3, SEED)  # asrs r1, r2
    assert report.forms["asr"] == len(MACHINES) * 4 and not report.differences
    with pytest.raises(SystemExit, match=f"fill {address:#06x}, beside.py:.*51 41 is an instruction of no form"):
        compare(with_instruction(0x4151), 3, SEED)  # adcs r1, r2


def test_without_qemu_it_says_what_to_install(functions, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="install Debian's qemu-system-arm"):
        compare({"in_interrupt": functions["in_interrupt"]}, 1, SEED)


def test_qemu_that_stops_is_an_error(functions):
    """A mps2-an385 has no memory there."""
    machine = Machine("mps2-an385", "Cortex-M3", range(0x30000000, 0x30010000))
    with pytest.raises(SystemExit, match="QEMU's mps2-an385 stops at .* with r0=.*: .*"):
        Executed({"in_interrupt": functions["in_interrupt"]}, 1, SEED, [machine])
