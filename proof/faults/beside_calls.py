"""A counterexample of a function beside `serve` as a test, as pasted.py has them of calls of `serve`."""

import textwrap
from dataclasses import dataclass

from proof.faults.pasted import FRAME_SIZE, IN_HANDLER, SECONDS
from proof.source import reference
from proof.source.reference import FAILED, VERSION, engine

_SHARED, _SPIN_LOCK = 1, ~3  # of a lock word, whose lowest two bits are 1 in a shared region
_MOST_FRAMES, _MOST_BYTES = 1024, 1024
_LOCKED = """
    before = list(region._state)
    were_masked = machine.disable_irq()
    machine.enable_irq(were_masked)
{call}
    are_masked = interrupts_are_masked()
    machine.enable_irq(were_masked)
{returned}    changed = [(place, word) for place, word in enumerate(region._state) if word != before[place]]
    assert changed == {changed}, "the words that have changed: %r" % changed
    assert {are_masked}, "interrupts are masked: %r" % are_masked
"""
_FILL = """
    words = array("I", [0x5A5A5A5A] * {length})
    physmem_thumb.fill(addressof(words), {offset}, {nbytes}, {half:#x})
    for place, word in enumerate(words):
        wanted = {word:#x} if {first} <= place < {behind} else 0x5A5A5A5A
        assert word == wanted, "word %d is %#x" % (place, word)
"""
_RETURNED = """
    assert result == {result}, "{name} has returned %d" % result
"""
_NUMBER = """
    assert result > 0, "in_interrupt has returned %d" % result
"""


@dataclass(frozen=True)
class BesideCall:
    """A call of a `function` beside `serve`, on a region whose state has these numbers; `arguments`: without the
    region, or for `fill` without the base. `exception`: the number of the one whose handler calls; 0: none does."""

    function: str
    arguments: tuple
    frames: int = 1
    version: int = 0
    failed: int = 0
    lock: int = 0
    masked: bool = False
    exception: int = 0

    @classmethod
    def of_counterexample(cls, example):
        """Return the BesideCall of what a theorem of whole/beside.py raises. Raise ValueError if a test cannot make
        it."""
        numbers = {name: value for name, value in example.items() if name != "turn"}
        call = cls(**{**numbers, "arguments": tuple(numbers["arguments"])})
        is_large = call.function == "fill" and max(call.arguments[:2]) > _MOST_BYTES
        if call.function == "synchronize" or is_large or call.frames > _MOST_FRAMES or call.masked and call.exception:
            raise ValueError(f"no test can make {call}")
        return call

    def __str__(self):
        return f"{self.function}({', '.join(map(str, self.arguments))})"

    def right(self):
        """Return (result, {place: word} of the state that changes, whether interrupts are masked)."""
        state = reference.new_state(self.frames, 0, self.lock)
        state[VERSION], state[FAILED] = self.version, self.failed
        before, is_masked = list(state), self.masked or self.function == "let_go" and bool(self.lock)
        result, is_masked = made(self.function, state, self.arguments, is_masked, self.exception)
        return result, {i: word for i, word in enumerate(state) if word != before[i]}, is_masked


def made(name, state, arguments, is_masked, exception):
    """Do to the state of a region what a function beside `serve` should do. Return (result, whether interrupts are
    masked then)."""
    kept, engine.in_handler = engine.in_handler, lambda: exception
    try:
        if name == "hold" and state[reference.LOCK]:
            return int(not is_masked), True
        if name == "let_go" and state[reference.LOCK]:
            return 0, is_masked and not arguments[0]
        if name == "count_failure" and state[reference.LOCK] and state[VERSION] != arguments[0]:
            return engine.ADDRESS_NOT_FREE, is_masked
        return getattr(engine, name)(reference.addressof(state), *arguments) or 0, is_masked
    finally:
        engine.in_handler = kept


def text(call, why):
    """Return the file, as text. `why`: what the proof says, in a sentence."""
    body = {"fill": _fill, "in_interrupt": _number}.get(call.function, _locked)(call)
    modules = [name for name in ("sys", "hard_interrupts", "machine", "physmem_thumb") if f"{name}." in body]
    lines = [f"import {name}" for name in modules]
    lines += ["from array import array"] * ("array(" in body)
    names = [name for name in ("fresh_physmem", "interrupts_are_masked") if f"{name}(" in body]
    lines += [f"from support import {', '.join(names)}"] * bool(names)
    lines += ["from uctypes import addressof"] * ("addressof(" in body)
    needs = '"machine code", "hard interrupts"' if "hard_interrupts" in modules else '"machine code",'
    places = [f"NEEDS = ({needs})", *['QEMU = ("-icount", "shift=6,sleep=off")'] * ("hard_interrupts" in modules)]
    first = textwrap.fill(f'"""A counterexample. {why}', 115, break_on_hyphens=False)
    head = "\n".join([f'{first}"""', "", *lines, "", *places, f"TIMEOUT = {SECONDS}"])
    return f"{head}\n\n\ndef test_counterexample():\n{body}"


def _locked(call):
    (result, changed, are_masked), has_result = call.right(), call.function != "let_go"
    kinds = ["shared"] * (call.lock & 3 == _SHARED) + ["with a spin lock"] * bool(call.lock & _SPIN_LOCK)
    kinds += ["interrupts masked"] * call.masked + ["called in an interrupt handler"] * bool(call.exception)
    kinds += [f"version {call.version}"] * (call.function == "count_failure")
    where = f"a region of {call.frames} frames" + (f" ({', '.join(kinds)})" if kinds else "")
    what = f"must return {result}" if has_result else "must give the lock back"
    lines = [f'    """{call} in {where} {what}."""', "    physmem = fresh_physmem()"]
    if call.lock & _SPIN_LOCK:
        lines.append('    spin_lock = array("I", [1])  # stands in for the register of one: it always reads as free')
        lines.append('    sys.modules["physmem_state"].use_spin_lock(addressof(spin_lock))')
    attributes = ", physmem.SHARED" if call.lock & 3 == _SHARED else ""
    size = call.frames * FRAME_SIZE
    lines.append(f'    region = physmem.Region("counterexample", 0x0, {size}, {FRAME_SIZE}{attributes})')
    words = ((VERSION, call.version), (FAILED, call.failed))
    lines += [f"    region._state[{place}] = {word}" for place, word in words if word]
    lines += ["    spin_lock[0] = 1"] * bool(call.lock & _SPIN_LOCK)
    arguments = "".join(f", {argument}" for argument in call.arguments)
    made = f"physmem_thumb.{call.function}(region.address{arguments})"
    if call.exception:
        made = IN_HANDLER[1:].format(call=made).rstrip()
    else:
        lines_before = ["    machine.disable_irq()"] * call.masked
        lines_before += ["    physmem_thumb.hold(region.address)"] * (not has_result)
        made = "\n".join([*lines_before, f"    {'result = ' * has_result}{made}"])
    returned = _RETURNED[1:].format(result=result, name=call.function) * has_result
    masks = "are_masked" if are_masked else "not are_masked"
    numbers = {"returned": returned, "changed": list(changed.items()), "are_masked": masks}
    body = "\n".join(lines) + "\n" + _LOCKED[1:].format(call=made, **numbers)
    if call.lock & _SPIN_LOCK and result != engine.NOT_PERMITTED:
        is_taken = "==" if call.function == "hold" else "!="
        body += f'    assert spin_lock[0] {is_taken} 1, "the spin lock: %d" % spin_lock[0]\n'
    return body


def _fill(call):
    offset, nbytes, half = call.arguments
    first, behind = offset // 4, (offset + nbytes) // 4
    numbers = {"offset": offset, "nbytes": nbytes, "half": half, "word": half * 0x10001}
    docstring = f'    """fill(base, {offset}, {nbytes}, {half:#x}) must fill so many bytes, and no others."""\n'
    return docstring + _FILL[1:].format(first=first, behind=behind, length=behind + 8, **numbers)


def _number(call):
    made = "physmem_thumb.in_interrupt()"
    if call.exception:
        lines = '    """in_interrupt() in a handler must return the number of the exception."""\n'
        return lines + IN_HANDLER[1:].format(call=made) + _NUMBER[1:]
    lines = f'    """in_interrupt() must return 0."""\n    result = {made}\n'
    return lines + _RETURNED[1:].format(result=0, name="in_interrupt")
