"""A fault for each room of the assembler, such as somebody may write: a wrong instruction, or entry of a table."""

from dataclasses import dataclass

from proof.faults import mutations
from proof.faults.mutations import Mutant
from proof.machine import forms


@dataclass(frozen=True)
class Planted:
    """The instruction or entry as text, which of those in the room (0 is the first), what becomes of it, as a half word
    or as a byte (None: nothing), and the theorem that finds it. `is_visible`: whether a test can show it."""

    before: str
    number: int
    after: int | None
    theorem: str
    is_visible: bool = True


_ONE, _TWO, _LOCKS, _BESIDE = "1 word: ", "2 words: ", "locks, 1 word: ", "beside serve: "
FAULTS = {
    "entries": Planted("b +16 bytes", 0, None, "entries: alloc_at, numbers"),
    "direct_free": Planted("bcc +60 bytes", 0, None, "entries: free, other objects"),
    "direct_alloc_at": Planted("bhi +8 bytes", 0, None, "entries: alloc_at, numbers"),
    "conversions": Planted("ldr r0, [r0, 4]", 2, 0x6800, "entries: alloc_at, other objects"),
    "call": Planted("adds r6, 1", 0, None, "entries: alloc, other objects"),
    "dispatch": Planted("subs r2, 1", 0, 0x3A02, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "direct_alloc_aligned": Planted("beq +48 bytes", 0, None, "entries: alloc_aligned, numbers"),
    "direct_alloc": Planted("bcc -220 bytes", 0, None, "entries: alloc, other objects"),
    "anywhere": Planted("cmp r2, 32", 0, 0x2A21, "entries: alloc, numbers"),
    "few": Planted("entry 4 of the table, 0x21", 0, 0x22, _ONE + "alloc, 0 to 32"),
    "few_others": Planted("lsrs r5, r5, 1", 0, 0x08AD, "few frames: FEW_OTHERS, 2 to 3 frames"),
    "few_place": Planted("str r7, [r6, 0]", 0, None, _ONE + "alloc, 0 to 32"),
    "no_few": Planted("str r2, [r0, 12]", 0, None, _ONE + "alloc, 0 to 32"),
    "lock": Planted("bics r6, r7", 0, None, _LOCKS + "free, of word 0, lock, masked"),
    "release": Planted("str r6, [r5, 0]", 0, None, _ONE + "free, of word 0"),
    "leave": Planted("lsrs r3, r3, 2", 0, 0x08DB, _LOCKS + "free, of word 0, spin lock, not shared"),
    "release_beyond": Planted("orrs r5, r1", 1, None, _TWO + "free, of word 0"),
    "raise_class": Planted("str r2, [r6, 8]", 0, None, _TWO + "free, of word 0"),
    "raise_several": Planted("beq +4 bytes", 0, None, _ONE + "free, of word 0"),
    "lower_class": Planted("str r2, [r6, 12]", 0, None, _ONE + "alloc, 0 to 32"),
    "lower_several": Planted("str r2, [r1, 32]", 0, None, _ONE + "alloc, 0 to 32"),
    "take": Planted("movs r0, 7", 0, 0x2006, _ONE + "alloc_at, of word 0"),
    "take_many": Planted("str r2, [r7, 0]", 0, None, _TWO + "alloc_at, of word 0"),
    "search": Planted("bls +0 bytes", 0, 0xD300, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "settle": Planted("cmp r7, 0", 0, 0x2F01, _LOCKS + "alloc_aligned to 2**1 to 2**5, 1 to 32, spin lock, not shared"),
    "units": Planted("orrs r5, r4", 0, None, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "choose_search": Planted("ldr r6, [r0, 24]", 0, 0x6946, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "natural": Planted("ands r4, r2", 0, None, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "short": Planted("ands r4, r2", 0, None, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "half": Planted("ands r4, r2", 0, None, _ONE + "alloc_aligned to 2**1 to 2**5, 1 to 32"),
    "across": Planted("adds r4, 1", 0, 0x3402, _TWO + "alloc, 33 to 1073741823"),
    "long": Planted("subs r1, 32", 0, 0x3921, "many frames: LONG"),
    "long_group": Planted("bne +22 bytes", 0, None, "many frames: LONG_FROM"),
    "step": Planted("ldr r4, [r0, 16]", 0, 0x6944, _ONE + "alloc_aligned to 2**6 to 2**29, 1 to 32"),
    "failure": Planted("str r2, [r0, 12]", 0, None, _BESIDE + "count_failure, each lock"),
    "flip": Planted("eors r4, r3", 0, None, _BESIDE + "flip_start, each lock"),
    "take_lock": Planted("bics r0, r6", 0, None, _BESIDE + "hold, each lock"),
    "give_lock": Planted("cmp r1, 0", 0, 0x2901, _BESIDE + "let_go, each lock"),
    "in_interrupt": Planted("mrs r0, ipsr", 0, 0x8010F3EF, _BESIDE + "in_interrupt, any exception"),
    "store": Planted("orrs r3, r4", 0, None, _BESIDE + "fill, any number of bytes"),
    "wait_for_memory": Planted("dsb", 0, None, _BESIDE + "synchronize, its barriers", is_visible=False),
}


def of_room(functions, room):
    """Return the Mutant that has the room's fault, of one of the `functions`, {name: Function}."""
    (function,) = (each for each in functions.values() if room in mutations.rooms(each.name))
    return mutant(function, room)


def mutant(function, room):
    """Return the Mutant that has the room's fault. Raise SystemExit if the room has no such instruction any more."""
    fault, found = FAULTS[room], []
    for line in mutations.rooms(function.name)[room]:
        if line.name == "label":
            continue
        if forms.is_table(line):
            width = line.call.args[0].value
            for place, entry in enumerate(line.call.args[1:]):
                text = f"entry {place} of the table, {entry.value:#x}"
                found.append((text, line.where, line.address + width * place, width))
        else:
            halves = mutations.halves_at(function, line.address)
            form, fields = forms.decoded(halves)
            found.append((form.text(fields), line.where, line.address, 2 * len(halves)))
    found = [each for each in found if each[0] == fault.before]
    if len(found) <= fault.number:
        raise SystemExit(
            f"proof: the room {room} has no instruction {fault.before} any more: "
            "plant another fault in proof/faults/planted.py"
        )
    before, where, address, size = found[fault.number]
    if fault.after is None:
        code, after = mutations.nothing(size), "nothing"
    else:
        code = fault.after.to_bytes(size, "little")
        halves = tuple(int.from_bytes(code[i : i + 2], "little") for i in range(0, size, 2))
        form, fields = forms.decoded(halves) if size > 1 else (None, None)
        after = form.text(fields) if form else f"{fault.after:#x}"
    return Mutant(room, where, address, "planted", before, after, code, function.name)
