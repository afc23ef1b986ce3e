"""The right to free frames: owners, single frames, and spare owners made in advance."""

import micropython
import physmem_engine as engine
import physmem_state
from micropython import const
from physmem_engine import serve_call
from physmem_errors import PhysMemError, exhausted, integer, mistake
from uctypes import addressof, bytearray_at

# States of AllocatedFrames.
ALLOCATED = "allocated"
MAPPED = "mapped"
UNMAPPED = "unmapped"
FREED = "freed"
MOVED = "moved"

# `first_and_bits` is the first frame << STATE_BITS | the state as bits: a region of 2 GiB in frames of 32 bytes leaves
# four bits of a small integer. _REFUSED: freed or moved, mapped to hardware, or with a record that they are retained.
# The bit _UNMAPPED may stay set when frames are freed or moved.
_STATES = (ALLOCATED, MAPPED, UNMAPPED, None, FREED, MOVED, FREED, MOVED)
STATE_BITS = const(4)
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
    """Contiguous frames and the right to free them. Get one from the ``allocate_frames`` family; do not make one.

    `region` is the Region. `first` is the first frame, counted from the region's base (not from address 0, as in a
    FrameRange). `count` is the number of frames. `addr` is the address of the first byte. `nbytes` is the size in
    bytes: all of the frames, so it may be more than you asked for. `view` is the memory as a memoryview of bytes.
    `range` is the frames as a FrameRange. `owner` is what you gave as ``owner=``. `name` is the name given to
    `physmem.retain`, or None. `fresh` says whether the content is new rather than kept over a reset. `state` is one of

    - ALLOCATED: yours.
    - MAPPED: hardware owns it, after `map`. `free`, `split_at`, `split_range` and `merge` are refused. If the board
      sets memory aside for records, a reset does not end this: see `physmem.quarantined`.
    - UNMAPPED: yours again, after `unmap`.
    - FREED, MOVED (split, or merged into another): nothing is left of it, and it no longer gives you its memory.

    Theseus frees frames when their owner is dropped. Python does not say when that happens: here ``with``, `free` and a
    reset free them. Theseus panics when mapped frames are dropped; here `free` raises.
    """

    # An instance sets only what differs from these, because setting one attribute costs half a raw allocation. Computed
    # attributes are not properties, because a single property makes MicroPython search the class at every store.
    region = None
    count = 1
    owner = None
    first_and_bits = 0

    def __getattr__(self, name):
        """Return `first`, `state`, `addr`, `nbytes`, `view`, `range`, `name` or `fresh`."""
        if name not in _COMPUTED:
            raise AttributeError("'AllocatedFrames' object has no attribute '%s'" % name)
        return _COMPUTED[name](self)

    def _set_bits(self, bits):
        self.first_and_bits = (self.first_and_bits & ~_STATE_MASK) | bits

    @micropython.native
    def _own(self, region, first, count, owner):
        """Set all attributes of this owner, so that later changes need no heap. Return itself."""
        self.region = region
        self.count = count
        self.owner = owner
        self.first_and_bits = first << STATE_BITS
        return self

    def __repr__(self):
        if self.region is None or self.first_and_bits & _FREED:
            return "<AllocatedFrames %s>" % self.state
        return "<AllocatedFrames %s: %d frames at %#x in %s>" % (self.state, self.count, self.addr, self.region.name)

    def __len__(self):
        return self.count

    def __iter__(self):
        """Generate an AllocatedFrame for each frame. This owner keeps the frames."""
        for i in range(self.count):
            yield AllocatedFrame(self, self.first + i)

    def __enter__(self):
        self._check()
        return self

    def __exit__(self, exception_type, exception, traceback):
        if self.state == MAPPED and exception_type is not None:
            return  # they stay mapped; the exception says more than that mapped frames cannot be freed
        if not self.first_and_bits & _FREED:
            self.free()

    def _check(self):
        if self.first_and_bits & _FREED:
            mistake("NotAllocated", "these frames were {} already: allocate new ones", self.state)

    def _expect_usable(self):
        self._check()
        if self.first_and_bits & _MAPPED:
            mistake("NotPermitted", "{} frames from frame {} on are mapped: unmap() them first", self.count, self.first)

    @micropython.native
    def free(self):
        """Free the frames and return their number. Retained frames are released too, as by `physmem.release`."""
        word = self.first_and_bits
        if word & _REFUSED:
            self._expect_usable()
            _records.forget(self)
        count = self.count
        if count:
            freed = self.region.free(word >> STATE_BITS)
            if freed != count:
                _undo_foreign_free(self, freed)
        self.first_and_bits = word | _FREED
        return count

    def map(self):
        """Give the frames to hardware: until `unmap` they cannot be freed. Return itself. Needs no heap.

        If the board keeps records: MemoryError if none is left to remember this over a reset, and NotPermitted in an
        interrupt handler. Nothing has changed then.
        """
        self._expect_usable()
        if _records is not None:
            _records.note_mapped(self)
        self._set_bits(_MAPPED)
        return self

    def unmap(self):
        """Take the frames back from hardware. Return itself.

        If the board keeps records and the chip has two cores, NotPermitted in an interrupt handler; so is `free` of
        retained frames.
        """
        self._check()
        if self.state != MAPPED:
            mistake(
                "NotPermitted", "{} frames from frame {} on are not mapped: map() them first", self.count, self.first
            )
        if _records is not None:
            _records.note_unmapped(self)
        self._set_bits(_UNMAPPED)
        return self

    def as_allocated_frame(self):
        """Return the only frame as an AllocatedFrame; SizeMismatch if there is not exactly one."""
        self._check()
        if self.count != 1:
            mistake("SizeMismatch", "{} frames are not one frame: split_at() or iterate", self.count)
        return AllocatedFrame(self, self.first)

    def split_at(self, i):
        """Split before the frame `i`, counted from the first, and return two owners: of `i` frames and of the rest.

        This owner ends. 0 and `count` give one owner of nothing and one of everything. AddressOutOfRange if `i` is not
        0 to `count`. After an error this owner is unchanged.
        """
        _divisible(self)
        integer(i, "i")
        if not 0 <= i <= self.count:
            mistake("AddressOutOfRange", "cannot split before frame {} of {} frames: give 0 to that", i, self.count)
        parts = _new_pair()
        self._fill_part(parts[0], 0, i)
        self._fill_part(parts[1], i, self.count)
        self._set_bits(_MOVED)
        return parts

    def _fill_part(self, part, start, end):
        """Make `part` the owner of the frames from `start` up to `end` (exclusive), counted from the first."""
        part._own(self.region, self.first + start, end - start, self.owner)
        if 0 < start < end:
            engine.split_or_join(self.region.address, self.first + start)

    def split_range(self, i, n):
        """Split into three owners and return them: the frames before `i`, `n` frames from `i` on, the rest.

        This owner ends. `i` is counted from the first frame. ZeroAllocation if `n` is 0, AddressOutOfRange if the `n`
        frames are not all among these. After an error this owner is unchanged.
        """
        _divisible(self)
        integer(i, "i")
        integer(n, "n")
        if n == 0:
            mistake("ZeroAllocation", "cannot split off 0 frames: give n of at least 1")
        if not 0 <= i <= i + n <= self.count:
            mistake("AddressOutOfRange", "cannot split off frames {} to {}: there are {} frames", i, i + n, self.count)
        parts = _new_triple()
        self._fill_part(parts[0], 0, i)
        self._fill_part(parts[1], i, i + n)
        self._fill_part(parts[2], i + n, self.count)
        self._set_bits(_MOVED)
        return parts

    def merge(self, other):
        """Take over the frames of `other`, which ends. Return itself.

        The frames of `other` must be of the same region, and directly before or behind these unless one of the two has
        none. After an error both are unchanged.
        """
        if not isinstance(other, AllocatedFrames):
            raise TypeError("merge takes AllocatedFrames, not %s" % type(other).__name__)
        _divisible(self)
        _divisible(other)
        if other is self:
            mistake("InvalidArgument", "cannot merge frames with themselves: give another AllocatedFrames")
        if other.region is not self.region:
            mistake(
                "InvalidArgument",
                "cannot merge frames of {} and of {}: they must be of one region",
                self.region.name,
                other.region.name,
            )
        self.count = self.count  # makes it an attribute of the instance: what needs heap comes before all changes
        if other.count and self.count:
            if other.first == self.first + self.count:
                engine.split_or_join(self.region.address, other.first)
            elif self.first == other.first + other.count:
                engine.split_or_join(self.region.address, self.first)
            else:
                mistake(
                    "InvalidArgument",
                    "frames from {} on and from {} on are not adjacent: nothing was merged",
                    self.first,
                    other.first,
                )
        if other.count and (other.first < self.first or not self.count):
            self.first_and_bits = (other.first << STATE_BITS) | (self.first_and_bits & _STATE_MASK)
        self.count += other.count
        other._set_bits(_MOVED)
        return self


def _undo_foreign_free(frames, freed):
    """Undo the free of another owner's allocation and raise: a raw free has ended this owner's before."""
    if freed > 0:
        frames.region.alloc_at(frames.first, freed)
    found = max(freed, 0)
    mistake(
        "InternalCorruption",
        "{} frames from frame {} on are an allocation of {}: something freed them raw",
        frames.count,
        frames.first,
        found,
    )


def _divisible(frames):
    """Raise if `frames` cannot be split or merged."""
    frames._expect_usable()
    if frames.first_and_bits & _RETAINED:
        text = "{} frames from frame {} on are retained as one: release() the name first"
        mistake("NotPermitted", text, frames.count, frames.first)


def _first(frames):
    """Return the first frame, counted from the region's base."""
    return frames.first_and_bits >> STATE_BITS


def _state(frames):
    """Return ALLOCATED, MAPPED, UNMAPPED, FREED or MOVED."""
    return _STATES[frames.first_and_bits & _STATE_MASK]


def _addr(frames):
    """Return the address of the first byte."""
    return frames.region.base + ((frames.first_and_bits >> STATE_BITS) << frames.region.shift)


def _nbytes(frames):
    """Return the size of all the frames in bytes, which may be more than you asked for."""
    return frames.count << frames.region.shift


def _view(frames):
    """Return the memory as a memoryview of bytes. It does not keep the frames from being freed."""
    frames._check()
    return memoryview(bytearray_at(_addr(frames), _nbytes(frames)))


def _range(frames):
    """Return the frames as a FrameRange: frame numbers counted from address 0, without the right to free them."""
    from physmem_range import FrameRange

    return FrameRange(_addr(frames) >> frames.region.shift, frames.count, frames.region.frame_size)


def _name(frames):
    """Return the name that the frames are retained as, or None."""
    return _records.name_of(frames) if frames.first_and_bits & _RETAINED else None


def _fresh(frames):
    """Return whether the content is new rather than kept over a reset; None if the frames were freed or moved."""
    if frames.first_and_bits & _FREED:
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

# What keeps records of frames over a reset; None unless the board sets memory aside for them.
_records = None


def keep_records(records):
    """Tell `records` from now on what is mapped and unmapped, and what is freed while retained.

    It has note_mapped(frames), note_unmapped(frames), forget(frames), name_of(frames) and is_fresh(frames).
    physmem_retained attaches its records here.
    """
    global _records
    _records = records


def hold_retained(frames):
    """Mark `frames` as retained: a record has their name."""
    frames.first_and_bits |= _RETAINED


def hold_mapped(frames):
    """Mark `frames` as mapped to hardware, as their record says."""
    frames._set_bits(_MAPPED)


class AllocatedFrame:
    """One frame of the AllocatedFrames `frames`, which still owns it; `frame` is counted from the region's base."""

    def __init__(self, owner, frame):
        self.frames = owner
        self.frame = frame

    @property
    def addr(self):
        """The address of the first byte."""
        return self.frames.region.base + (self.frame << self.frames.region.shift)

    @property
    def nbytes(self):
        """The size in bytes."""
        return self.frames.region.frame_size

    @property
    def view(self):
        """The memory of the frame as a memoryview of bytes."""
        self.frames._check()
        return memoryview(bytearray_at(self.addr, self.nbytes))


class DeferredAllocAction:
    """The bookkeeping of one allocation that needs heap: a spare owner in place of the one that was used up.

    It happens on `commit`, at the end of a ``with`` block, or automatically the next time the scheduler runs. Whichever
    comes first completes all pending actions. `pending` says whether it is still to come. If the heap is locked when
    the scheduler runs, or its queue is full, a later commit, `boot_complete` or the next deferred allocation does it.
    You may free the frames before that, and you may drop an action; no frame is lost. After a reset all spare owners
    are there, whether you committed or not.
    """

    def __init__(self, place):
        self._place = place

    def __getattr__(self, name):
        if name != "pending":
            raise AttributeError("'DeferredAllocAction' object has no attribute '%s'" % name)
        return _spares.items[self._place][1] is self

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        try:
            self.commit()
        except PhysMemError:
            if exception_type is None:
                raise  # otherwise the exception of the block says more

    def commit(self):
        """Do what is pending and return whether that completed this action.

        False if this action is not pending, or if the other core is doing the work. NotPermitted if the heap is locked
        or full; the action stays pending then.
        """
        if not self.pending:
            return False
        try:
            fill_spares()
        except MemoryError:
            mistake("NotPermitted", "an action needs heap, which is locked or full: commit() later")
        return not self.pending


class _Pool:
    """Tuples made in advance by ``make(place)``, to be taken without heap, in interrupt handlers as well.

    The state of a region without memory says which places hold one, because its raw calls may interrupt each other. A
    tuple that is taken stays in its place until `fill` puts another there: a handler that interrupts the garbage
    collector must not move the last reference to an object, because the collector would not find it.
    """

    def __init__(self, places, make):
        self.make = make
        # The frame behind the places has no tuple: the caller that has allocated it fills the pool.
        self.state = physmem_state.new_state(places + 1, 0, True)
        self.address = addressof(self.state)
        self.items = [None] * places
        self.is_used = bytearray(places)  # 1: the tuple there was taken and may be replaced
        for place in range(places):
            serve_call(self.address, place, 1)  # as alloc_at
            self.is_used[place] = 1

    def take(self, first, end):
        """Take a tuple from the places `first` up to `end` (exclusive) and return it; None if there is none."""
        place = self.is_used.find(_UNUSED, first, end)
        while place >= 0:
            if serve_call(self.address, place, 1) == place:  # as alloc_at; otherwise it is being taken or filled
                item = self.items[place]
                self.is_used[place] = 1  # from here on `fill` may put another there
                return item
            place = self.is_used.find(_UNUSED, place + 1, end)
        return None

    def fill(self):
        """Make all missing tuples. Needs heap. Not for handlers.

        Does nothing if it is running already: on the other core, or interrupted by a function that the scheduler runs.
        """
        turn = len(self.items)
        filling = engine.OUT_OF_MEMORY
        try:
            filling = serve_call(self.address, turn, 1)
            if filling == turn:
                self._fill_places(turn)
        finally:
            if filling == turn:
                serve_call(self.address, turn, 0)

    def _fill_places(self, end):
        place = engine.next_used(self.address, 0)
        while place < end:
            if self.is_used[place]:  # otherwise it is being taken
                self.items[place] = self.make(place)
                self.is_used[place] = 0
                serve_call(self.address, place, 0)  # as free
            place = engine.next_used(self.address, place + 1)


def _blank():
    """Return an owner of no frames, with all its attributes set."""
    return AllocatedFrames()._own(None, 0, 0, None)


# Places of the pool: owners with their actions, then pairs and triples of owners for splits.
_PAIRS = const(_SPARE_OWNERS)
_TRIPLES = const(_PAIRS + _SPARE_SPLITS)
_PLACES = const(_TRIPLES + _SPARE_SPLITS)
_UNUSED = b"\0"


def _spare(place):
    """Return a new tuple for that place of the pool."""
    if place < _PAIRS:
        return _blank(), DeferredAllocAction(place)
    if place < _TRIPLES:
        return _blank(), _blank()
    return _blank(), _blank(), _blank()


_spares = None  # the pool
_fill_is_scheduled = False


def make_spares():
    """Make the pool of spare owners, with the lock that regions made now get, and fill it. Needs heap."""
    global _spares
    _spares = _Pool(_PLACES, _spare)
    fill_spares()


def fill_spares():
    """Make all missing spare owners, actions and results of splits. Needs heap."""
    _spares.fill()


def _fill_spares_when_possible(_):
    global _fill_is_scheduled
    _fill_is_scheduled = False
    try:
        fill_spares()
    except MemoryError:
        pass  # the heap is locked: boot_complete(), a commit, or taking the next spare fills them


def _schedule_filling():
    """Have the scheduler make the missing spares the next time it runs. Needs no heap."""
    global _fill_is_scheduled
    if not _fill_is_scheduled:
        _fill_is_scheduled = True
        try:
            micropython.schedule(_fill_spares_when_possible, None)
        except RuntimeError:  # its queue is full
            _fill_is_scheduled = False


def take_spare(region, first, count, owner):
    """Return ``(frames, action)``: a spare owner of the frames, and its action.

    MemoryError if there is none, and no heap for more or the other core is making them.
    """
    pair = _spares.take(0, _PAIRS)
    if pair is None and not engine.in_handler():
        try:
            fill_spares()
        except MemoryError:
            pass
        pair = _spares.take(0, _PAIRS)
    _schedule_filling()
    if pair is None:
        exhausted("all {} spare owners are in use: boot_complete() or commit() an action first", _SPARE_OWNERS)
    pair[0]._own(region, first, count, owner)
    return pair


def spare_owners():
    """Return how many spare owners are left. Needs no heap."""
    return _spares.is_used.count(_UNUSED, 0, _PAIRS)


@micropython.native
def new_frames(region, first, count, owner):
    """Return a new AllocatedFrames, or a spare one if the heap is locked or full.

    `owner` is the caller's tag for the frames. MemoryError if there is no spare one either.
    """
    try:
        return AllocatedFrames()._own(region, first, count, owner)
    except MemoryError:
        return take_spare(region, first, count, owner)[0]


def _new_pair():
    """Return two owners: new ones, or spare ones if the heap is locked or full."""
    try:
        return _blank(), _blank()
    except MemoryError:
        return _spare_split(_PAIRS)


def _new_triple():
    """Return three owners: new ones, or spare ones if the heap is locked or full."""
    try:
        return _blank(), _blank(), _blank()
    except MemoryError:
        return _spare_split(_TRIPLES)


def _spare_split(first):
    parts = _spares.take(first, first + _SPARE_SPLITS)
    _schedule_filling()
    if parts is None:
        exhausted(
            "all {} spares for a split are in use: boot_complete() or commit() an action first",
            _SPARE_SPLITS,
        )
    return parts
