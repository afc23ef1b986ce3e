"""Damage to the records of what survives a reset, and sound records that describe something impossible.

Attaching drops every record that it cannot trust, reports it, and harms nothing else. It never raises, since that would
keep the board from booting. The records and the frames lie in heap memory. A reset takes back what
the same words say, into regions in which all frames are free.
"""

from array import array

from random_numbers import RandomNumbers
from support import fresh_physmem, scaled
from uctypes import addressof, bytearray_at

FRAME = 64
FRAMES = 40
OTHER_FRAME = 32
SLOTS = 8
WORDS = 16  # of a record
HEADS = 2

# Indices of words in a record, and kinds of records; physmem_records has the table.
MAGIC, GENERATION, NUMBER, NUMBER_HIGH, COUNT, SLACK, KIND, NAME, CHECKSUM = 0, 1, 2, 3, 4, 5, 6, 7, 15
HEAD, NAMED, MAPPED = 1, 2, 3


def named(number, count, name, generation=1, shift=6, slack=0, kind=NAMED):
    """Return the words of a record except magic and checksum. `name` is bytes: all that stand in the name's place."""
    words = [0, generation, number & 0x3FFFFFFF, number >> 30, count, slack, kind | shift << 4 | len(name) << 12]
    text = bytes(name) + bytes(64)
    for i in range(NAME, CHECKSUM):
        word = 0
        for byte in range(4):
            word |= text[4 * (i - NAME) + byte] << 8 * byte
        words.append(word)
    return words + [0]


def mapped(number, count, generation=1, shift=6):
    return named(number, count, b"", generation, shift, 0, MAPPED)


def named_at(records, slot):
    """Return the slot of the named record of the frames that the record in `slot` has, or -1."""
    fields = NAMED, records.number(slot), records.load_word(records.base, slot, COUNT), records.shift(slot)
    return records.find_frames(records.base, records.used, records.kinds, *fields)


class Scene:
    """Three regions: `kept`, RETAINED, of 40 frames of 64 bytes; `plain`, the same but not RETAINED; `narrow`,
    RETAINED, of 80 frames of 32 bytes. `words` are the records: two heads and eight slots."""

    def __init__(self):
        self.physmem = physmem = fresh_physmem()
        import physmem_records
        import physmem_recover
        import physmem_region
        import physmem_setup
        import physmem_system

        self.records = physmem_records
        self.take_back = physmem_recover.take_back
        self.first_number = physmem_region.first_number
        self.enter = physmem_setup.enter
        self.backing = bytearray(3 * FRAMES * FRAME + 4096)
        self.base = addressof(self.backing)
        self.base += -self.base % 4096
        size = FRAMES * FRAME
        self.kept = physmem.Region("kept", self.base, size, FRAME, physmem.RETAINED)
        self.plain = physmem.Region("plain", self.base + size, size, FRAME)
        self.narrow = physmem.Region("narrow", self.base + 2 * size, size, OTHER_FRAME, physmem.RETAINED)
        self.regions = [self.kept, self.plain, self.narrow]
        self.empty = [array("I", region._state) for region in self.regions]
        physmem_system._held += (self.backing,)
        physmem.init(self.regions)
        self.words = array("I", range((HEADS + SLOTS) * WORDS))
        self.address = addressof(self.words)
        self.magic = 0x31524D50
        self.memory = bytearray_at(self.base, 3 * size)
        numbers = RandomNumbers(1)
        for i in range(len(self.memory)):
            self.memory[i] = numbers.below(256)
        self.pattern = bytes(self.memory)

    def reset(self):
        """Reset: free all frames and keep the records."""
        self.enter(self.regions)
        for region, empty in zip(self.regions, self.empty):
            region._state[:] = empty
        self.take_back(self.address, 4 * len(self.words))
        return self.records

    def begin(self):
        """Start with no records, after a few resets. Return the records as they are then."""
        for i in range(len(self.words)):
            self.words[i] = 0
        for _ in range(3):
            self.reset()
            assert self.records.dropped == ()
        return array("I", self.words)

    def put(self, place, words, magic=None):
        """Write a record with the right checksum. `place` counts the heads, too."""
        at = WORDS * place
        self.words[at : at + WORDS] = array("I", words)
        self.words[at + MAGIC] = self.magic if magic is None else magic
        self.records.checksum(0, self.records.CRC_TABLE, self.address + 4 * (at + 1), WORDS - 2, 1)

    def number(self, region, frame):
        return self.first_number(region) + frame

    def free_frames(self):
        return [region.free_frames for region in self.regions]

    def sound(self):
        """Check that regions and records agree and that all memory has its original content."""
        for region in self.regions:
            assert region.check() == []
        assert self.records.check() == []
        assert self.memory == self.pattern


A, B, C, D, E = range(5)  # slots of the records in a FlipScene


class FlipScene(Scene):
    """Records: the names "alpha" of frames 3 to 7 and "beta" of frames 8 and 9 of `kept`, the latter also mapped; "n"
    of frame 4 of `narrow`; and frames 10 to 12 of `plain`, mapped. The slots from 5 up are vacant; slot 5 once had a
    record."""

    def __init__(self):
        super().__init__()
        self.begin()
        self.frames = (
            # region, first, count, and the slots of the records that name them
            (self.kept, 3, 5, (A,)),
            (self.kept, 8, 2, (B, C)),
            (self.narrow, 4, 1, (D,)),
            (self.plain, 10, 3, (E,)),
        )
        generation = self.records.generation  # written since the last reset: no reset has seen them yet
        self.put(HEADS + A, named(self.number(self.kept, 3), 5, b"alpha", generation, slack=7))
        self.put(HEADS + B, named(self.number(self.kept, 8), 2, b"beta", generation))
        self.put(HEADS + C, mapped(self.number(self.kept, 8), 2, generation))
        self.put(HEADS + D, named(self.number(self.narrow, 4), 1, b"n", 1, shift=5))
        self.put(HEADS + E, mapped(self.number(self.plain, 10), 3, 2))
        self.put(HEADS + 5, named(self.number(self.kept, 20), 2, b"gone", generation))
        self.words[WORDS * (HEADS + 5)] = 0
        self.image = array("I", self.words)
        self.states = {}  # of the regions, by the slot that is without a record
        for lost in (None, A, B, C, D, E):
            for region, empty in zip(self.regions, self.empty):
                region._state[:] = empty
            for region, first, count, slots in self.frames:
                if slots != (lost,):
                    assert region.alloc_at(first, count) == first
            self.states[lost] = [array("I", region._state) for region in self.regions]
        self.attached = 0

    def attach(self, word=0, bit=0):
        """Attach to the records with a bit of a word flipped."""
        self.words[:] = self.image
        if bit:
            self.words[word] ^= bit
        self.attached += 1
        return self.reset()

    def is_there_without(self, lost):
        """Check that the regions have all frames except those of the record in slot `lost`, and that the records are
        kept."""
        for region, state in zip(self.regions, self.states[lost]):
            assert region._state == state
        for slot in range(SLOTS):
            kind = (NAMED, NAMED, MAPPED, NAMED, MAPPED, 0, 0, 0)[slot]
            assert self.records.kinds[slot] == (0 if slot == lost else kind)

    def flip_all_of(self, place):
        """Attach with each bit of the record at that place flipped, and generate it.

        A slow board flips some bits of each word, and others in the next word.
        """
        stride = scaled(1, 1, 7)
        for word in range(WORDS * place, WORDS * place + WORDS):
            for bit in range(word % stride, 32, stride):
                yield word - WORDS * place, self.attach(word, 1 << bit)


def test_the_records_as_they_are():
    """The records whose bits the other tests flip are believed, every one of them."""
    scene = FlipScene()
    records = scene.attach()
    assert records.dropped == ()
    scene.is_there_without(None)
    scene.sound()
    names = [(kept.name, kept.nbytes, kept.resets) for kept in scene.physmem.retained()]
    assert names == [("alpha", 5 * FRAME - 7, 1), ("beta", 2 * FRAME, 1), ("n", OTHER_FRAME, records.generation - 1)]
    assert [(frames.addr, frames.count) for frames in records.quarantined] == [(scene.plain.addr(10), 3)]
    assert (named_at(records, C), records.mapped_at(B), records.mapped_at(A)) == (B, C, -1)


def flips_of_records(slots):
    scene = FlipScene()
    for slot in slots:
        for _, records in scene.flip_all_of(HEADS + slot):
            assert records.dropped == ("record %d was dropped: its magic or checksum is wrong" % slot,)
            scene.is_there_without(slot)
        scene.sound()
        # What was dropped is gone: the next reset finds nothing to drop.
        assert scene.reset().dropped == ()
        scene.is_there_without(slot)
    print("%d records, %d flips, as many records dropped" % (len(slots), scene.attached))


def test_flips_of_named_records():
    """For each bit that name alone is gone, and the message names its slot. Its memory is free, unless hardware owns
    it."""
    flips_of_records((A, B))


def test_flips_of_mapped_records():
    """For each bit those frames alone are no longer kept for hardware. If they have a name, they keep it."""
    flips_of_records((C, E))


def test_flips_of_heads():
    """Each bit of each of the two heads: nothing is lost, not even what was written since the last reset."""
    scene = FlipScene()
    for head in range(HEADS):
        for _, records in scene.flip_all_of(head):
            assert records.dropped == ()
            scene.is_there_without(None)
        scene.sound()
    print("%d flips of heads, nothing lost" % scene.attached)


def test_flips_of_vacant_slots():
    """Each bit of a slot that had a record and of one that never had: nothing is lost, and nothing comes back.

    A bit where the magic would be is reported, since it cannot be told from the rest of a record.
    """
    scene = FlipScene()
    for slot in (5, SLOTS - 1):
        for word, records in scene.flip_all_of(HEADS + slot):
            sentence = "record %d was dropped: its magic or checksum is wrong" % slot
            assert records.dropped == ((sentence,) if word == MAGIC else ())
            scene.is_there_without(None)
    scene.sound()
    print("%d flips of vacant slots, nothing lost" % scene.attached)


def test_both_heads():
    """Without a head, power was lost: nothing is believed, and nothing is an error."""
    scene = FlipScene()
    for word in (0, 1, 6, 15):
        for other in (0, 1, 6, 15):
            scene.words[:] = scene.image
            scene.words[word] ^= 1 << 17
            scene.words[WORDS + other] ^= 1 << 3
            for _ in range(2):
                records = scene.reset()
                assert records.dropped == () and records.quarantined == ()
                assert scene.free_frames() == [FRAMES, FRAMES, 2 * FRAMES]
                assert list(records.kinds) == [0] * SLOTS
    # A record of another kind is not a head, wherever it stands.
    scene.words[:] = scene.image
    for head in range(HEADS):
        scene.put(head, named(scene.number(scene.kept, 30), 2, b"no head", 3))
    records = scene.reset()
    assert records.dropped == () and list(records.kinds) == [0] * SLOTS
    scene.sound()


def test_random_memory():
    """After power-on memory has any content. None of it is believed, and what is written then is."""
    scene = Scene()
    contents = [(0, 0), (0xFFFFFFFF, 0), (0x31524D50, 0)] + [(0, seed) for seed in range(1, scaled(200, 30, 8))]
    for word, seed in contents:
        numbers = RandomNumbers(seed)
        for i in range(len(scene.words)):
            scene.words[i] = word if not seed else numbers.below(1 << 16) << 16 | numbers.below(1 << 16)
        if seed & 1:  # the magic itself may be left over
            for place in range(HEADS + SLOTS):
                scene.words[WORDS * place] = scene.magic
        records = scene.reset()
        assert records.dropped == () and records.quarantined == ()
        assert scene.free_frames() == [FRAMES, FRAMES, 2 * FRAMES]
        scene.put(HEADS + 1, named(scene.number(scene.kept, 1), 2, b"name"))
        assert scene.reset().dropped == ()
        assert scene.free_frames() == [FRAMES - 2, FRAMES, 2 * FRAMES]
    scene.sound()
    print("%d contents of memory" % len(contents))


def cases_of_what_cannot_be(scene):
    """Return cases: each a sound record and what the message says that drops it."""
    kept, plain, narrow = [scene.number(region, 0) for region in (scene.kept, scene.plain, scene.narrow)]
    unknown = "of kind %d, which is unknown"
    last_reset = scene.records.generation
    later = "reset %d, " + "%d was the last" % last_reset
    places = "no RETAINED region has the frames of 'x'"
    taken = "the frames of 'x' are not all free"
    fields = "it has no frames, more bytes than they have, or a name that is not one"
    in_use = "the frames that were mapped are not all free"
    last = narrow + 2 * FRAMES - 1
    return (
        # Kinds: a head in a slot, unknown ones, none.
        (named(kept + 20, 2, b"x", kind=HEAD), unknown % 1),
        (named(kept + 20, 2, b"x", kind=0), unknown % 0),
        (named(kept + 20, 2, b"x", kind=4), unknown % 4),
        (named(kept + 20, 2, b"x", kind=15), unknown % 15),
        # Resets that never happened.
        (named(kept + 20, 2, b"x", generation=last_reset + 1), later % (last_reset + 1)),
        (named(kept + 20, 2, b"x", generation=0x3FFFFFFF), later % 0x3FFFFFFF),
        (named(kept + 20, 2, b"x", generation=0), later % 0),
        (mapped(kept + 20, 2, generation=last_reset + 1), later % (last_reset + 1)),
        # Names.
        (named(kept + 20, 2, b""), fields),
        (named(kept + 20, 2, b"x" * 33), fields),
        (named(kept + 20, 2, b"x" * 63), fields),
        (named(kept + 20, 2, b"\xc3\xa4"), fields),
        (named(kept + 20, 2, b"x\xff"), fields),
        (named(kept + 20, 2, b"x")[:NAME] + named(kept, 2, b"xy")[NAME:], fields),
        (named(kept + 20, 2, b"other"), "there is another 'other'"),
        (named(kept + 20, 2, b"x", kind=MAPPED), fields),
        # Counts.
        (named(kept + 20, 0, b"x"), fields),
        (named(kept + 20, 2, b"x", slack=FRAME), fields),
        (named(kept + 20, 2, b"x", slack=0x3FFFFFFF), fields),
        (mapped(kept + 20, 0), fields),
        # Places.
        (named(kept + 39, 2, b"x"), places),
        (named(kept - 1, 2, b"x"), places),
        (named(kept - 1, 1, b"x"), places),
        (named(kept + 20, 0x3FFFFFFF, b"x"), places),
        (named(0, 1, b"x"), places),
        (named(kept + 20 + (1 << 59), 1, b"x"), places),
        (named(plain + 1, 2, b"x"), places),  # not RETAINED
        (named(last, 2, b"x", shift=5), places),
        (mapped(last, 2, shift=5), in_use),
        (mapped(plain + 39, 2), in_use),
        (mapped((1 << 60) - 1, 1), in_use),
        # Frames of another size.
        (named(kept + 20, 2, b"x", shift=5), places),
        (named(narrow + 20, 1, b"x", shift=6), places),
        (named(kept + 20, 2, b"x", shift=0), places),
        (named(kept + 20, 2, b"x", shift=255), places),
        (mapped(kept + 20, 1, shift=255), in_use),
        (mapped(kept >> 6, 1, shift=12), in_use),
        (mapped(1, 1, shift=60), in_use),
        # Frames of another owner.
        (named(kept + 2, 2, b"x"), taken),
        (named(kept + 3, 1, b"x"), taken),
        (named(kept + 5, 6, b"x"), taken),
        (mapped(kept + 3, 1), in_use),
        (mapped(kept + 7, 2), in_use),
        (mapped(plain + 9, 2), in_use),
        (mapped(plain + 10, 3), in_use),
    )


def test_records_of_what_cannot_be():
    """Sound records with the right checksum that no reset has left: each is dropped, with its reason."""
    scene = Scene()
    heads = scene.begin()
    cases = cases_of_what_cannot_be(scene)
    for words, reason in cases:
        scene.words[:] = heads
        scene.put(HEADS, named(scene.number(scene.kept, 3), 5, b"other"))
        scene.put(HEADS + 1, mapped(scene.number(scene.plain, 10), 3))
        scene.put(HEADS + 6, words)
        records = scene.reset()
        assert len(records.dropped) == 1 and records.dropped[0].endswith(reason), (words, records.dropped)
        assert records.dropped[0].startswith("record 6 was dropped: ")
        assert list(records.kinds) == [NAMED, MAPPED] + [0] * (SLOTS - 2)
        assert len(records.quarantined) == 1
        assert scene.free_frames() == [FRAMES - 5, FRAMES - 3, 2 * FRAMES], words
        assert scene.physmem.regions() == scene.regions, words
        scene.sound()
        assert scene.reset().dropped == ()
    print("%d records of what cannot be" % len(cases))


def test_a_region_that_is_no_longer_retained():
    """Its names are dropped. What hardware owned in it, hardware still owns."""
    scene = FlipScene()
    scene.kept.attrs = 0
    records = scene.attach()
    assert records.dropped == (
        "record 0 was dropped: no RETAINED region has the frames of 'alpha'",
        "record 1 was dropped: no RETAINED region has the frames of 'beta'",
    )
    assert [(frames.region, frames.first, frames.count) for frames in records.quarantined] == [
        (scene.kept, 8, 2),
        (scene.plain, 10, 3),
    ]
    assert scene.free_frames() == [FRAMES - 2, FRAMES - 3, 2 * FRAMES - 1]
    scene.sound()


def test_the_same_numbers_in_frames_of_another_size():
    """Two regions may have frames with the same numbers if their frame sizes differ.

    A mapped record of the one says nothing about a name in the other.
    """
    scene = Scene()
    physmem = scene.physmem
    # Nothing is read or written there: 32 bytes a frame from 2**28, and 64 bytes from 2**29.
    low = physmem.Region("low", 1 << 28, 1 << 11, 32, physmem.RETAINED)
    high = physmem.Region("high", 1 << 29, 1 << 11, 64)
    assert scene.number(low, 0) == scene.number(high, 0)
    scene.regions = [low, high]
    scene.empty = [array("I", region._state) for region in scene.regions]
    scene.begin()
    scene.put(HEADS, named(scene.number(low, 3), 2, b"name", 1, shift=5))
    scene.put(HEADS + 1, mapped(scene.number(high, 3), 2, 1, shift=6))
    records = scene.reset()
    assert records.dropped == () and records.mapped_at(0) == -1
    assert [(frames.region, frames.first) for frames in records.quarantined] == [(high, 3)]
    assert scene.free_frames() == [64 - 2, 32 - 2]


def test_mapped_frames_of_another_size():
    """Hardware still owns the bytes, whatever frames they are now: every frame that contains one of them is kept."""
    scene = Scene()
    scene.begin()
    kept = scene.number(scene.kept, 0)
    scene.put(HEADS, mapped((kept >> 1) + 2, 3, shift=7))  # frames 4 to 9
    scene.put(HEADS + 1, mapped(2 * (kept + 20) + 1, 2, shift=5))  # halves of the frames 20 and 21
    scene.put(HEADS + 2, mapped((kept + 30) * FRAME + 5, 1, shift=0))  # a byte of frame 30
    for _ in range(2):
        records = scene.reset()
        assert records.dropped == ()
        held = [(frames.region, frames.first, frames.count) for frames in records.quarantined]
        assert held == [(scene.kept, 4, 6), (scene.kept, 20, 2), (scene.kept, 30, 1)]
        assert scene.free_frames() == [FRAMES - 9, FRAMES, 2 * FRAMES]
        scene.sound()


def test_registers_that_hardware_has():
    """Mapped frames at addresses that no region has are kept as well, in a region of their own."""
    scene = Scene()
    scene.begin()
    scene.put(HEADS + 1, mapped(0x40001000 >> 12, 1, shift=12))
    scene.put(HEADS + 2, mapped(0x40000000 >> 12, 1, shift=12))
    for _ in range(2):
        records = scene.reset()
        assert records.dropped == () and records.check() == []
        assert [(frames.addr, frames.nbytes) for frames in records.quarantined] == [
            (0x40001000, 4096),
            (0x40000000, 4096),
        ]
        assert scene.free_frames() == [FRAMES, FRAMES, 2 * FRAMES]
        assert len(scene.physmem.regions()) == 5


class RandomRecords:
    """Sound records of random but plausible fields."""

    def __init__(self, scene, seed):
        self.scene = scene
        self.numbers = RandomNumbers(seed)

    def words(self):
        """Return the words of a record; magic and checksum are still missing."""
        numbers = self.numbers
        below = numbers.below
        region = numbers.choice(self.scene.regions)
        shift = region.shift
        number = self.scene.number(region, 0) + below(region.frames + 4) - 2
        count = 1 + below(1 + below(6))
        length = below(6)
        slack = below(1 + below(1 << shift))
        kind = numbers.choice((NAMED, MAPPED))
        generation = 1 + below(4)
        if below(8) == 0:
            shift = numbers.choice((0, 5, 6, 7, 12, 255))
            number = numbers.choice((number, number >> 1, number << 1, 0x40000000 >> 12, below(1 << 29)))
        if below(8) == 0:
            count = numbers.choice((0, 3, 30, 2 * FRAMES))
        if below(8) == 0:
            kind = below(16)
        if below(8) == 0:
            length = below(64)
        if below(8) == 0:
            slack = below(1 << 20)
        if below(8) == 0:
            generation = below(1 << 29)
        name = bytes([97 + below(3) if below(60) else below(256) for _ in range(0 if kind == MAPPED else length)])
        words = named(number, count, name, generation, shift, slack, kind)
        if below(8) == 0:
            words[1 + below(14)] = below(1 << 16) << 16 | below(1 << 16)
        words[COUNT] &= 0xC00FFFFF  # what a region of unknown addresses has room for
        return words


def test_random_sound_records():
    """Whatever a record with magic and checksum says, attaching succeeds.

    What is believed has frames of its own. What is not is dropped, with a message each. The next reset says the same of
    what was believed.
    """
    scene = Scene()
    heads = scene.begin()
    rolls = RandomRecords(scene, 3)
    believed = dropped = 0
    for _ in range(scaled(1300, 200, 30)):
        scene.words[:] = heads
        for slot in range(SLOTS):
            scene.put(HEADS + slot, rolls.words())
        if rolls.numbers.below(16) == 0:
            scene.put(rolls.numbers.below(HEADS), rolls.words())
        records = scene.reset()
        kinds = bytes(records.kinds)
        kept = SLOTS - kinds.count(b"\0")
        believed += kept
        dropped += len(records.dropped)
        assert kept + len(records.dropped) == SLOTS
        scene.sound()
        allocations = sum([sum([not free for _, _, free in region.runs()]) for region in scene.physmem.regions()])
        mapped_with_name = sum([kinds[i] == MAPPED and named_at(records, i) >= 0 for i in range(SLOTS)])
        assert allocations == kept - mapped_with_name
        assert len(records.quarantined) == kinds.count(bytes([MAPPED])) - mapped_with_name
        names = [records.name(slot) for slot in range(SLOTS) if kinds[slot] == NAMED]
        assert len(set(names)) == len(names)
        records = scene.reset()
        assert records.dropped == () and bytes(records.kinds) == kinds
    print("%d sound records were believed, %d dropped" % (believed, dropped))
    assert believed > scaled(100, 100, 40) and dropped > 100
