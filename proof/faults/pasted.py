"""A counterexample as a test: a file for tests_target, or a function to paste into one.

The test makes the region, brings it to the map by calls, makes the call, and asserts what the engine of hosts answers
and leaves. Each assertion says what it has found, in the same words on each machine.
"""

import textwrap

from proof.faults.example import result_in_words
from proof.source.reference import FAILED, FEWEST, ROW, VERSION, starts_of

FRAME_SIZE = 32  # bytes: the smallest, so that any phase is the address of a frame
_SHARED, _SPIN_LOCK = 1, ~3  # of a lock word, whose lowest two bits are 1 in a shared region
_MODULES = ("sys", "hard_interrupts", "machine", "physmem_thumb")
SECONDS = 10  # that a test may take: it makes a few hundred calls at most

_SET_UP = """
    for first, n in {allocations}:
        made = region.alloc_at(first, n)
        assert made == first, "alloc_at(%d, %d) has returned %d while the map was made" % (first, n, made)
"""
_FEWEST = """
    assert region.alloc_at(0, {n}) == 0 and region.free(0) == {n}, "the map was not made"  # the most ever in use
"""
_ROWS = """
    # The machine code would not make this map: its rows are written, and rebuild() makes the rest of it.
    for word, value in {words}:
        region._state[word] = value
    sys.modules["physmem_upkeep"].physmem_state.rebuild(region._state)
    region._state[{fewest_word}] = {fewest}
"""
_MASKED = """
    was_masked = machine.disable_irq()
    result = {call}
    is_masked = interrupts_are_masked()
    machine.enable_irq(was_masked)
"""
IN_HANDLER = """
    answer = [None]

    def handler(_):
        answer[0] = {call}

    hard_interrupts.once(0, handler)
    while answer[0] is None:
        pass
    result = answer[0]
"""
_CHECKS = """
    wrong = region.check()
    assert not wrong, wrong[0]
    found = [(first, n) for first, n, free in region.runs() if not free]
    assert found == {allocations}, "the allocations are %r" % found
    counts = region.free_frames, region.peak_used, region.failed
    assert counts == {counts}, "free frames, most in use, failures are %r" % (counts,)
"""


def text(example, why, by_calls=True, must_be_direct=False):
    """Return the file, as text. `why`: what the proof says, in a sentence. `by_calls`: bring the region to the map by
    calls, or else write its two rows. `must_be_direct`: let the test fail if the engine uses no direct calls, because
    it has noticed a fault in them when it was loaded."""
    result, after = example.right()
    body = _body(example, result, after, by_calls, must_be_direct)
    imports = ["from support import " + ", ".join(_of_support(body))]
    if "array(" in body:
        imports.insert(0, "from array import array")
    modules = [f"import {name}" for name in _MODULES if f"{name}." in body]
    own = ["from uctypes import addressof"] if "addressof(" in body else []
    head = "\n".join([*modules, *imports, *own])
    needs = ['"machine code"'] * (must_be_direct or _is_for_machine_code(example))
    needs += ['"hard interrupts"'] * bool(example.call.exception)
    places = f"\nNEEDS = ({', '.join(needs)},)" if needs else ""
    if example.call.exception:
        places += '\nQEMU = ("-icount", "shift=6,sleep=off")'
    drawing = "\n".join(f"    {line}".rstrip() for line in _docstring(example, result))
    first = textwrap.fill(f'"""A counterexample. {why}', 115, break_on_hyphens=False)
    return f'{first}"""\n\n{head}\n{places}\nTIMEOUT = {SECONDS}\n\n\ndef test_counterexample():\n{drawing}\n{body}'


def _is_for_machine_code(example):
    return bool(not example.call.is_direct or example.map.lock or example.call.is_masked)


def _of_support(body):
    return ["fresh_physmem"] + ["interrupts_are_masked"] * ("interrupts_are_masked(" in body)


def _docstring(example, result):
    kinds = ["shared"] * (example.map.lock & 3 == _SHARED) + ["with a spin lock"] * bool(example.map.lock & _SPIN_LOCK)
    kinds += ["called in an interrupt handler"] * bool(example.call.exception)
    kinds += [f"phase {example.map.phase}"] * bool(example.map.phase)
    where = f"a region of {example.map.frames} frames" + (f" ({', '.join(kinds)})" if kinds else "")
    first = f'"""{example.call} in {where} must return {result_in_words(result)}.'
    return [first, "", *example.map.drawn(), '"""']


def _body(example, result, after, by_calls, must_be_direct):
    before, lock = example.map, example.map.lock
    lines = ["    physmem = fresh_physmem()"]
    if must_be_direct:
        lines.append('    assert physmem.direct_calls, "the raw calls are not direct"')
    if lock & _SPIN_LOCK:
        lines.append('    spin_lock = array("I", [1])  # stands in for the register of one: it always reads as free')
        lines.append('    sys.modules["physmem_state"].use_spin_lock(addressof(spin_lock))')
    attributes = ", physmem.SHARED" if lock & 3 == _SHARED else ""
    size, base = before.frames * FRAME_SIZE, before.phase * FRAME_SIZE
    lines.append(f'    region = physmem.Region("counterexample", {base:#x}, {size}, {FRAME_SIZE}{attributes})')
    text = "\n".join(lines) + "\n" + _made(before, by_calls)
    if lock & _SPIN_LOCK:
        text += "    spin_lock[0] = 1\n"
    text += _made_call(example)
    text += f'    assert result == {result}, "{example.call} has returned %d" % result\n'
    counts = after.free_frames(), after.frames - after.fewest, after.failed
    text += _CHECKS[1:].format(allocations=after.allocations(), counts=counts)
    if lock:
        text += (
            f'    assert region._state[{VERSION}] == {after.version}, "the version is %d" % region._state[{VERSION}]\n'
        )
        is_right = "is_masked" if example.call.is_masked else "not interrupts_are_masked()"
        text += f'    assert {is_right}, "interrupts are not as they were"\n'
    if lock & _SPIN_LOCK and after.version != before.version:
        text += '    assert spin_lock[0] != 1, "the spin lock has not been given back"\n'
    return text


def _made_call(example):
    """Return the lines that make the call. Raise ValueError if a handler should make it with interrupts masked."""
    call = f"region.{example.call}" if example.call.is_direct else _call_of_serve(example)
    if example.call.exception and example.call.is_masked:
        raise ValueError("no test can mask interrupts in a handler")
    if example.call.exception:
        return IN_HANDLER[1:].format(call=call)
    if example.call.is_masked:
        return _MASKED[1:].format(call=call)
    return f"    result = {call}\n"


def _call_of_serve(example):
    what, how = example.call.operands()
    return f"physmem_thumb.serve(region.address, {what}, {how})  # {example.call}"


def _made(map, by_calls):
    """Return the lines that bring the region to the map."""
    if by_calls:
        text = _FEWEST[1:].format(n=map.frames - map.fewest) if map.fewest < map.free_frames() else ""
        if map.allocations():
            text += _SET_UP[1:].format(allocations=map.allocations())
    else:
        state = map.state()
        words, starts = (map.frames + 31) >> 5, starts_of(state)
        numbers = [ROW + number for number in range(words)] + [starts + number for number in range(words)]
        rows = "(" + ", ".join(f"({number}, {state[number]:#x})" for number in numbers) + ")"
        text = _ROWS[1:].format(words=rows, fewest_word=FEWEST, fewest=map.fewest)
    if map.failed:
        text += f"    region._state[{FAILED}] = {map.failed}\n"
    if map.lock and map.version != calls_to_make(map, by_calls):
        text += f"    region._state[{VERSION}] = {map.version}\n"
    return text


def calls_to_make(map, by_calls=True):
    """Return how many calls bring a region to the map."""
    return len(map.allocations()) + 2 * (map.fewest < map.free_frames()) if by_calls else 0
