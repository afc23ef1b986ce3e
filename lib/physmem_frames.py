"""The right to give frames back: owners, single frames, and owners made in advance."""

import micropython
import physmem_engine as engine
from micropython import const
from physmem_errors import PhysMemError, exhausted, integer, mistake
from uctypes import addressof, bytearray_at

# States of AllocatedFrames.
ALLOCATED = "allocated"
MAPPED = "mapped"
UNMAPPED = "unmapped"
FREED = "freed"
MOVED = "moved"

# The states as bits below the number of the first frame: a region of 2 GiB in frames of 32 bytes leaves four bits of a
# small integer. _REFUSED: no longer the caller's, in the hands of hardware, or with a record that says that they are
# retained. UNMAPPED goes with FREED and MOVED.
_STATES = (ALLOCATED, MAPPED, UNMAPPED, None, FREED, MOVED, FREED, MOVED)
_STATE_BITS = const(4)
_STATE_MASK = const(7)
_MAPPED = const(1)
_UNMAPPED = const(2)
_FREED = const(4)
_MOVED = const(5)
_RETAINED = const(8)
_REFUSED = const(13)

_SPARE_OWNERS = const(32)
_SPARE_SPLITS = const(4)  # of two and of three owners each


class AllocatedFrames:
    """Contiguous frames and the right to give them back; made by the ``allocate_frames`` family, not by the caller.

    `region` is the Region, `first` the first frame (counted from the region's base), `count` how many frames, `addr`
    the address of the first byte, `nbytes` the size in bytes (all of the frames, so it may be more than was asked for),
    `view` the memory as a memoryview of bytes, `range` the same as a FrameRange, `owner` whatever the allocation was
    given as such, `name` that of `physmem.retain` or None, `fresh` whether the content is new and not that of before
    the reset, `state` one of

    - ALLOCATED: the caller's.
    - MAPPED: in the hands of hardware, after `map`: `free`, `split_at`, `split_range` and `merge` are refused. If the
      board sets memory aside for records, a reset does not end this: see `physmem.quarantined`.
    - UNMAPPED: the caller's again, after `unmap`.
    - FREED, MOVED (split, or merged into another): nothing is left of it; its memory is no longer to be had.

    Theseus frees when an owner is dropped; Python does not tell when that is. ``with``, `free` and a reset do it here.
    Theseus panics when mapped frames are dropped; here `free` raises.
    """

    # An instance has only what differs from these: each attribute set when it is made costs half a raw allocation.
    # What is computed is no property, for one property makes MicroPython search the class at every store.
    region = None
    count = 1
    owner = None
    _first_and_state = 0

    def __getattr__(self, name):
        """`first`, `state`, `addr`, `nbytes`, `view`, `range`, `name`, `fresh`."""
        if name not in _COMPUTED:
            raise AttributeError("'AllocatedFrames' object has no attribute '%s'" % name)
        return _COMPUTED[name](self)

    def _set_state(self, bits):
        self._first_and_state = self._first_and_state & ~_STATE_MASK | bits

    @micropython.native
    def _hold(self, region, first, count, owner):
        """Make it an owner with all its attributes, which then change without heap. Returns itself."""
        self.region = region
        self.count = count
        self.owner = owner
        self._first_and_state = first << _STATE_BITS
        return self

    def __repr__(self):
        if self.region is None or self._first_and_state & _FREED:
            return "<AllocatedFrames %s>" % self.state
        return "<AllocatedFrames %s: %d frames at %#x in %s>" % (self.state, self.count, self.addr, self.region.name)

    def __len__(self):
        return self.count

    def __iter__(self):
        """Generate an AllocatedFrame for each frame; the frames stay this owner's."""
        for i in range(self.count):
            yield AllocatedFrame(self, self.first + i)

    def __enter__(self):
        self._held()
        return self

    def __exit__(self, exception_type, exception, traceback):
        if self.state == MAPPED and exception_type is not None:
            return  # the exception says more than that mapped frames cannot be freed; they stay mapped
        if not self._first_and_state & _FREED:
            self.free()

    def _held(self):
        if self._first_and_state & _FREED:
            mistake("NotAllocated", "these frames were {} before", self.state)

    def _at_hand(self):
        self._held()
        if self._first_and_state & _MAPPED:
            mistake("NotPermitted", "{} frames from frame {} on are mapped: unmap() them first", self.count, self.first)

    @micropython.native
    def free(self):
        """Give the frames back; returns how many. Retained ones are so no longer, as by `physmem.release`."""
        word = self._first_and_state
        if word & _REFUSED:
            self._at_hand()
            _records.forget(self)
        count = self.count
        if count:
            freed = self.region.free(word >> _STATE_BITS)
            if freed != count:
                self._give_back_what_is_not_its_own(freed)
        self._first_and_state = word | _FREED
        return count

    def _give_back_what_is_not_its_own(self, freed):
        """A raw free has ended this owner's allocation before: undo it if it was another one's that just ended."""
        if freed > 0:
            self.region.alloc_at(self.first, freed)
        found = max(freed, 0)
        mistake("InternalCorruption", "{} frames from {} on are an allocation of {}", self.count, self.first, found)

    def map(self):
        """Put the frames in the hands of hardware: until `unmap` they cannot be freed. Returns itself. If the board
        keeps records, MemoryError if none is left to say so after a reset, and NotPermitted in an interrupt handler;
        nothing has changed then. Needs no heap."""
        self._at_hand()
        if _records is not None:
            _records.note_mapped(self)
        self._set_state(_MAPPED)
        return self

    def unmap(self):
        """Take the frames back from hardware. Returns itself. If the board keeps records and the chip has two cores,
        NotPermitted in an interrupt handler, and so is `free` of retained frames."""
        self._held()
        if self.state != MAPPED:
            mistake("NotPermitted", "{} frames from frame {} on are not mapped", self.count, self.first)
        if _records is not None:
            _records.note_unmapped(self)
        self._set_state(_UNMAPPED)
        return self

    def as_allocated_frame(self):
        """The one frame that this is, as an AllocatedFrame; SizeMismatch if it is not one."""
        self._held()
        if self.count != 1:
            mistake("SizeMismatch", "{} frames are not one frame", self.count)
        return AllocatedFrame(self, self.first)

    def split_at(self, i):
        """Split before the frame `i`, counted from the first: two owners, of `i` frames and of the rest; this one ends.

        0 and `count` give an empty owner and one of all. Any other `i` outside is AddressOutOfRange. After an error
        this owner is as it was.
        """
        _divisible(self)
        integer(i, "i")
        if not 0 <= i <= self.count:
            mistake("AddressOutOfRange", "{} is not within 0..{}, the frames to split", i, self.count)
        parts = _new_pair()
        self._part(parts[0], 0, i)
        self._part(parts[1], i, self.count)
        self._set_state(_MOVED)
        return parts

    def _part(self, part, begin, end):
        """Make `part` the owner of the frames from `begin` to before `end`, counted from the first."""
        part._hold(self.region, self.first + begin, end - begin, self.owner)
        if 0 < begin < end:
            engine.split_or_join(self.region.address, self.first + begin)

    def split_range(self, i, n):
        """Split into three owners: the frames before `i`, `n` frames from `i` on, the rest; this one ends. `n` is at
        least 1 and the frames lie within. After an error this owner is as it was."""
        _divisible(self)
        integer(i, "i")
        integer(n, "n")
        if n == 0:
            mistake("ZeroAllocation", "a range of no frames cannot be split off")
        if not 0 <= i <= i + n <= self.count:
            mistake("AddressOutOfRange", "frames {}..{} are not within 0..{}", i, i + n, self.count)
        parts = _new_triple()
        self._part(parts[0], 0, i)
        self._part(parts[1], i, i + n)
        self._part(parts[2], i + n, self.count)
        self._set_state(_MOVED)
        return parts

    def merge(self, other):
        """Take over the frames of `other`, which are of the same region and follow or precede at once, or are none;
        `other` ends. Otherwise both stay as they are. Returns itself."""
        if not isinstance(other, AllocatedFrames):
            raise TypeError("merge takes AllocatedFrames, not %s" % type(other).__name__)
        _divisible(self)
        _divisible(other)
        if other is self:
            mistake("InvalidArgument", "frames cannot be merged with themselves")
        if other.region is not self.region:
            mistake("InvalidArgument", "frames of {} and {} cannot be merged", self.region.name, other.region.name)
        self.count = self.count  # an attribute of its own from here on: what needs heap comes before all changes
        if other.count and self.count:
            if other.first == self.first + self.count:
                engine.split_or_join(self.region.address, other.first)
            elif self.first == other.first + other.count:
                engine.split_or_join(self.region.address, self.first)
            else:
                mistake("InvalidArgument", "frames {} and {} on are not adjacent", self.first, other.first)
        if other.count and (other.first < self.first or not self.count):
            self._first_and_state = other.first << _STATE_BITS | self._first_and_state & _STATE_MASK
        self.count += other.count
        other._set_state(_MOVED)
        return self


def _divisible(frames):
    """Refuse what cannot be split or merged."""
    frames._at_hand()
    if frames._first_and_state & _RETAINED:
        text = "{} frames from frame {} on are retained as one: release() them first"
        mistake("NotPermitted", text, frames.count, frames.first)


def _first(frames):
    """The first frame, counted from the region's base."""
    return frames._first_and_state >> _STATE_BITS


def _state(frames):
    """ALLOCATED, MAPPED, UNMAPPED, FREED or MOVED."""
    return _STATES[frames._first_and_state & _STATE_MASK]


def _addr(frames):
    """Address of the first byte."""
    return frames.region.base + (frames._first_and_state >> _STATE_BITS << frames.region.shift)


def _nbytes(frames):
    """Size in bytes: all of the frames, so it may be more than was asked for."""
    return frames.count << frames.region.shift


def _view(frames):
    """The memory itself, as a memoryview of bytes. It does not keep the frames from being freed."""
    frames._held()
    return memoryview(bytearray_at(_addr(frames), _nbytes(frames)))


def _range(frames):
    """The frames as a FrameRange (numbers of frames from address 0 on; no right to give them back)."""
    from physmem_range import FrameRange

    return FrameRange(_addr(frames) >> frames.region.shift, frames.count, frames.region.frame_size)


def _name(frames):
    """What the frames are retained as, or None."""
    return _records.name_of(frames) if frames._first_and_state & _RETAINED else None


def _fresh(frames):
    """Whether the content is not that of before the reset; None when nothing is left of the frames."""
    if frames._first_and_state & _FREED:
        return None
    return _records is None or _records.is_fresh(frames)


_COMPUTED = {
    "first": _first,
    "state": _state,
    "addr": _addr,
    "nbytes": _nbytes,
    "view": _view,
    "range": _range,
    "name": _name,
    "fresh": _fresh,
}

# What keeps records of frames over a reset, or None: physmem_retained, if the board sets memory aside for them.
_records = None


def keep_records(records):
    """Have `records` told what is mapped, unmapped and freed while retained."""
    global _records
    _records = records


def hold_retained(frames):
    """Say of `frames` that there is a record of their name."""
    frames._first_and_state |= _RETAINED


def hold_mapped(frames):
    """Say of `frames` that hardware has them, as their record says."""
    frames._set_state(_MAPPED)


class AllocatedFrame:
    """One frame of an AllocatedFrames, which stays its owner."""

    def __init__(self, owner, frame):
        self.frames = owner
        self.frame = frame

    @property
    def addr(self):
        """Address of the first byte."""
        return self.frames.region.base + (self.frame << self.frames.region.shift)

    @property
    def nbytes(self):
        """Size in bytes."""
        return self.frames.region.frame_size

    @property
    def view(self):
        """The frame's memory as a memoryview."""
        self.frames._held()
        return memoryview(bytearray_at(self.addr, self.nbytes))


class DeferredAllocAction:
    """The bookkeeping of one allocation that needs heap: a spare owner in place of the one that was used up.

    `commit` does it, or the end of a ``with`` block, or, by itself, the scheduler, when it runs next; what of these
    comes first does it for all actions there are. `pending` says whether it is still to be done. If the heap is locked
    when the scheduler runs, or its queue is full, a commit, `boot_complete` or the next deferred allocation has it
    done. It does not matter whether the frames have been freed by then. An action that is dropped loses no frame, and a
    reset before the commit begins with all spare owners.
    """

    def __init__(self, place):
        self._place = place

    def __getattr__(self, name):
        if name != "pending":
            raise AttributeError("'DeferredAllocAction' object has no attribute '%s'" % name)
        return _owners.items[self._place][1] is self

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        try:
            self.commit()
        except PhysMemError:
            if exception_type is None:
                raise  # else the exception of the block says more

    def commit(self):
        """Do what is pending. Needs the heap unlocked, else it is NotPermitted and stays pending; returns whether
        something was done: not if there was nothing to do, or if the other core is at it."""
        if not self.pending:
            return False
        try:
            fill_spares()
        except MemoryError:
            mistake("NotPermitted", "the heap is locked or full: commit later")
        return not self.pending


class _Pool:
    """Tuples made in advance by ``make(place)``, to be taken without heap, in interrupt handlers as well.

    A region without memory says which places hold one, for its raw calls may interrupt each other. A tuple stays in its
    place when it is taken, until `fill` puts another there: a handler that interrupts the garbage collector must not
    move the last reference to an object, which the collector would then not find.
    """

    def __init__(self, places, make):
        self.make = make
        self.state = engine.new_state(places, 0, True)
        self.address = addressof(self.state)
        self.take_place, _, take_place_at, self.give_place = engine.raw_calls(self.state)
        self.items = [None] * places
        self.is_used = bytearray(places)  # 1: what is there was taken, and may be replaced
        for place in range(places):
            take_place_at(place, 1)
            self.is_used[place] = 1

    def take(self):
        """Return a tuple that nobody else gets, or None if there is none."""
        place = self.take_place(1)
        if place < 0:
            return None
        item = self.items[place]
        self.is_used[place] = 1
        return item

    def fill(self):
        """Make all that are missing. Needs heap. Not in handlers, and one call at a time."""
        place = engine.next_used(self.address, 0)
        while place < len(self.items):
            if self.is_used[place]:  # else it is being taken
                self.items[place] = self.make(place)
                self.is_used[place] = 0
                self.give_place(place)
            place = engine.next_used(self.address, place + 1)


def _blank():
    """An owner of nothing, with all its attributes."""
    return AllocatedFrames()._hold(None, 0, 0, None)


_owners = _Pool(_SPARE_OWNERS, lambda place: (_blank(), DeferredAllocAction(place)))
_pairs = _Pool(_SPARE_SPLITS, lambda place: (_blank(), _blank()))
_triples = _Pool(_SPARE_SPLITS, lambda place: (_blank(), _blank(), _blank()))
# The one frame of a region without memory: whoever has it fills.
_begin_filling, _, _, _end_filling = engine.raw_calls(engine.new_state(1, 0, True))
_fill_is_scheduled = False


def fill_spares():
    """Make all the spare owners, actions and results of splits that are missing. Needs heap. Does nothing while it is
    at it already: when a scheduled function interrupts it, or on the other core."""
    filling = engine.OUT_OF_MEMORY
    try:
        filling = _begin_filling(1)
        if filling == 0:
            _pairs.fill()
            _triples.fill()
            _owners.fill()
    finally:
        _end_filling(filling)  # of what others have begun, nothing ends


def _fill_spares_when_possible(_):
    global _fill_is_scheduled
    _fill_is_scheduled = False
    try:
        fill_spares()
    except MemoryError:
        pass  # the heap is locked: boot_complete(), a commit, or the next spare that is taken has it done


def _schedule_filling():
    """Have the spares made that are missing, when the scheduler runs next. Needs no heap."""
    global _fill_is_scheduled
    if not _fill_is_scheduled:
        _fill_is_scheduled = True
        try:
            micropython.schedule(_fill_spares_when_possible, None)
        except RuntimeError:  # its queue is full
            _fill_is_scheduled = False


def take_spare():
    """Return a spare owner with its action, ``(frames, action)``; MemoryError if there is none and no heap for more, or
    if the other core is making them."""
    pair = _owners.take()
    if pair is None and not engine.in_handler():
        try:
            fill_spares()
        except MemoryError:
            pass
        pair = _owners.take()
    _schedule_filling()
    if pair is None:
        exhausted("all {} spare owners are in use: boot_complete() or commit() first", _SPARE_OWNERS)
    return pair


def spare_owners():
    """The number of spare owners that are left."""
    return _owners.state[engine.STATE_FREE]


@micropython.native
def new_owner(region, first, count, owner):
    """Make an owner on the heap, or where the heap is locked or full, of a spare one."""
    try:
        return AllocatedFrames()._hold(region, first, count, owner)
    except MemoryError:
        return take_spare()[0]._hold(region, first, count, owner)


def _new_pair():
    """Make two owners on the heap, or take spare ones."""
    try:
        return _blank(), _blank()
    except MemoryError:
        return _spare_split(_pairs)


def _new_triple():
    """Make three owners on the heap, or take spare ones."""
    try:
        return _blank(), _blank(), _blank()
    except MemoryError:
        return _spare_split(_triples)


def _spare_split(spares):
    parts = spares.take()
    _schedule_filling()
    if parts is None:
        exhausted("no spare owners for a split are left of {}: boot_complete() or commit() first", _SPARE_SPLITS)
    return parts
