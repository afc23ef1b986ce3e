"""The right to free frames: owners, single frames, and spare owners made in advance."""

import micropython
import physmem_engine as engine
import physmem_state
from micropython import const
from physmem_engine import NOT_ALLOCATED, NOT_PERMITTED, OUT_OF_MEMORY, serve_call
from physmem_errors import (
    PhysMemError,
    boolean,
    exhausted,
    expect_heap,
    try_two_calls,
    integer,
    mistake,
    needs_heap,
    not_permitted_in_handler,
    wrong_type,
)
from physmem_region import SHARED, resize_frames
from uctypes import addressof, bytearray_at

# States of AllocatedFrames.
ALLOCATED = "allocated"
MAPPED = "mapped"
UNMAPPED = "unmapped"
FREED = "freed"
MOVED = "moved"

# An owner keeps what it is in one list, because setting an attribute of an instance costs as much as half a raw
# allocation and because the properties of a class make each of those more expensive. The word is the first frame
# << STATE_BITS | the state as bits: a region of 2 GiB in frames of 32 bytes leaves four bits of a small integer.
# _REFUSED: freed or moved, mapped to hardware, or with a record that they are retained. The bit _UNMAPPED may stay set
# when frames are freed or moved.
_REGION = const(0)
_WORD = const(1)
_COUNT = const(2)  # frames
_OWNER = const(3)  # the caller's tag
_SLACK = const(4)  # bytes of the last frame that were not asked for
_SCOPE = const(5)  # the scope that frees the frames at its end

_STATES = (ALLOCATED, MAPPED, UNMAPPED, None, FREED, MOVED, FREED, MOVED)
STATE_BITS = const(4)
_STATE_MASK = const(7)
_MAPPED = const(1)
_UNMAPPED = const(2)
_FREED = const(4)
_MOVED = const(5)
_RETAINED = const(8)
_REFUSED = const(13)

_MAPPED_PLACES = const(8)
_SPARE_OWNERS = const(32)
_SPARE_SPLITS = const(4)  # of two and of three owners each


class AllocatedFrames:
    """Contiguous frames and the right to free them. Get one from the ``allocate_frames`` family; do not make one.

    `region` is the Region. `first` is the first frame, counted from the region's base (not from address 0, as in a
    FrameRange). `count` is the number of frames. `addr` is the address of the first byte. `nbytes` is the number of
    bytes that you asked for, `capacity` that of all the frames. `view` is the `nbytes` bytes as a memoryview; give it,
    not the owner, where a buffer is wanted: C code takes an object that is not a buffer for an address. `range` is the
    frames as a FrameRange. `owner` is what you gave as ``owner=``. `name` is the name given to `physmem.retain`, or
    None. `fresh` says whether the content is new rather than kept over a reset. `state` is one of

    - ALLOCATED: yours.
    - MAPPED: hardware owns it, after `map`. `free`, `resize`, `split_at`, `split_range` and `merge` are refused. If the
      board sets memory aside for records, a reset does not end this: see `physmem.quarantined`.
    - UNMAPPED: yours again, after `unmap`.
    - FREED, MOVED (split, or merged into another): nothing is left of it. It is False as a truth value, and everything
      that tells of its memory is NotAllocated.

    A view does not keep the frames from being freed: do not use it after that. You cannot assign to any of these. In an
    interrupt handler you may use frames of SHARED regions; what needs heap (`view`, `range`, iteration, an `addr` above
    0x3FFFFFFF) is NotPermitted there.

    Theseus frees frames when their owner is dropped. Python does not say when that happens, and a view of the memory
    may still be in use: here ``with``, `free`, `physmem.scope` and a reset free them. Theseus panics when mapped frames
    are dropped; here `free` raises.
    """

    _held = None

    def __repr__(self):
        region = self._held[_REGION]
        if region is None or self._held[_WORD] & _FREED:
            return "<AllocatedFrames %s>" % self.state
        return "<AllocatedFrames %s: %d frames at %#x in %s>" % (self.state, self.count, self.addr, region.name)

    @property
    @micropython.native
    def region(self):
        """The Region."""
        return self._held[_REGION]

    @property
    def owner(self):
        """What you gave as ``owner=``."""
        return self._held[_OWNER]

    @property
    def state(self):
        """ALLOCATED, MAPPED, UNMAPPED, FREED or MOVED."""
        return _STATES[self._held[_WORD] & _STATE_MASK]

    @property
    @micropython.native
    def first(self):
        """The first frame, counted from the region's base."""
        word = self._held[_WORD]
        if word & _FREED:
            self._expect_held()
        return word >> STATE_BITS

    @property
    @micropython.native
    def count(self):
        """The number of frames."""
        held = self._held
        if held[_WORD] & _FREED:
            self._expect_held()
        return held[_COUNT]

    @property
    @micropython.native
    def addr(self):
        """The address of the first byte. Needs heap above 0x3FFFFFFF."""
        held = self._held
        word = held[_WORD]
        if word & _FREED:
            self._expect_held()
        region = held[_REGION]
        try:
            return region.base + ((word >> STATE_BITS) << region.shift)
        except MemoryError:
            needs_heap("addr")

    @property
    @micropython.native
    def nbytes(self):
        """The number of bytes that you asked for."""
        held = self._held
        if held[_WORD] & _FREED:
            self._expect_held()
        return (held[_COUNT] << held[_REGION].shift) - held[_SLACK]

    @property
    @micropython.native
    def capacity(self):
        """The size of all the frames in bytes, which may be more than you asked for."""
        held = self._held
        if held[_WORD] & _FREED:
            self._expect_held()
        return held[_COUNT] << held[_REGION].shift

    @property
    def view(self):
        """The bytes that you asked for as a memoryview. It does not keep the frames from being freed. Needs heap."""
        try:
            return memoryview(bytearray_at(self.addr, self.nbytes))
        except MemoryError:
            needs_heap("view")

    @property
    def range(self):
        """The frames as a FrameRange: frame numbers counted from address 0, without the right to free them. Needs
        heap."""
        self._expect_held()
        expect_heap("range")
        from physmem_range import FrameRange

        region = self._held[_REGION]
        return FrameRange(self.addr >> region.shift, self._held[_COUNT], region.frame_size)

    @property
    def name(self):
        """The name that the frames are retained as, or None. Needs heap if there is one."""
        try:
            return _records.name_of(self) if self._held[_WORD] & _RETAINED else None
        except MemoryError:
            needs_heap("name")

    @property
    def fresh(self):
        """Whether the content is new rather than kept over a reset; None if the frames were freed or moved."""
        return None if self._held[_WORD] & _FREED else _records.is_fresh(self)

    def __bool__(self):
        return not self._held[_WORD] & _FREED

    def __len__(self):
        return self.count

    def __iter__(self):
        """Return an iterator of an AllocatedFrame for each frame. This owner keeps the frames."""
        self._expect_held()
        expect_heap("iteration")
        return _each(self, self.first, self.count)

    def __enter__(self):
        self._expect_held()
        return self

    def __exit__(self, exception_type, exception, traceback):
        word = self._held[_WORD]
        if word & _MAPPED and exception_type is not None:
            return  # they stay mapped; the exception says more than that mapped frames cannot be freed
        if not word & (_FREED | _RETAINED):
            self.free()

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, exception_type, exception, traceback):
        self.__exit__(exception_type, exception, traceback)

    def _set_state(self, bits):
        self._held[_WORD] = (self._held[_WORD] & ~_STATE_MASK) | bits

    def _expect_held(self):
        if self._held[_WORD] & _FREED:
            mistake("NotAllocated", "these frames were {} already: allocate new ones", self.state)

    def _expect_free_to_use(self):
        self._expect_held()
        if self._held[_WORD] & _MAPPED:
            mistake("NotPermitted", "{} frames from frame {} on are mapped: unmap() them first", self.count, self.first)

    @micropython.native
    def free(self):
        """Free the frames and return their number. Retained frames are released too, as by `physmem.release`."""
        held = self._held
        word = held[_WORD]
        if word & _REFUSED:
            self._expect_free_to_use()
            _permitted_here(self)
            _records.forget(self)
        count = held[_COUNT]
        if count:
            freed = held[_REGION].free(word >> STATE_BITS)
            if freed != count:
                _undo_foreign_free(self, freed)
        held[_WORD] = word | _FREED
        return count

    def fill(self, byte=0):
        """Fill all the frames, also beyond `nbytes`, with `byte`, 0 to 255. Return itself. Needs no heap."""
        self._expect_held()
        integer(byte, "byte")
        if not 0 <= byte <= 255:
            mistake("InvalidArgument", "cannot fill with byte {}: give 0 to 255", byte)
        fill_frames(self._held[_REGION], self._held[_WORD] >> STATE_BITS, self._held[_COUNT], byte)
        return self

    def resize(self, n, *, zero=False):
        """Change the number of frames to `n` where they are, and return itself. With `zero` new frames are zeros.

        More frames: MemoryError if those behind are not all free; nothing has changed then, and no hook of
        `physmem.on_exhausted` is called. Fewer: the rest is freed. `nbytes` is then all of the `n` frames.
        ZeroAllocation if `n` is 0. NotPermitted for mapped and for retained frames, and in an interrupt handler if the
        region is not SHARED. Needs no heap.
        """
        if integer(n, "n") <= 0:
            mistake("InvalidArgument" if n else "ZeroAllocation", "cannot resize to n = {} frames: give 1 or more", n)
        return self._resize(n, 0, zero)

    def resize_by_bytes(self, nbytes, *, zero=False):
        """Change the size to `nbytes` bytes; otherwise as `resize`."""
        if integer(nbytes, "nbytes") <= 0:
            mistake(
                "InvalidArgument" if nbytes else "ZeroAllocation",
                "cannot resize to nbytes = {}: give 1 or more",
                nbytes,
            )
        self._expect_held()
        if nbytes >= 1 << 29:
            expect_heap("resize_by_bytes() to 2**29 bytes or more")
        region = self._held[_REGION]
        n = (nbytes + region.frame_size - 1) >> region.shift
        return self._resize(n, (n << region.shift) - nbytes, zero)

    def _resize(self, n, slack, zero):
        _divisible(self)
        held = self._held
        region, first, count = held[_REGION], held[_WORD] >> STATE_BITS, held[_COUNT]
        if not count:
            mistake("ZeroAllocation", "cannot resize 0 frames: allocate n = {} new ones", n)
        boolean(zero, "zero")
        # The engine takes the lower 32 bits of a number.
        resized = resize_frames(region, first, count, n) if n <= region.frames else OUT_OF_MEMORY
        if resized == NOT_PERMITTED:
            not_permitted_in_handler()
        if resized == NOT_ALLOCATED:
            _foreign(self, region.count(first))
        if resized != n:
            text = "cannot resize {} frames at frame {} of {} to {} in place: the frames behind are not all free"
            if n > region.frames - first:
                text = "cannot resize {} frames at frame {} of {} to {} in place: only {} of the region are behind"
            exhausted(text, count, first, region.name, n, region.frames - first - count)
        held[_COUNT] = n
        held[_SLACK] = slack
        if zero and n > count:
            fill_frames(region, first + count, n - count, 0)
        return self

    def map(self):
        """Give the frames to hardware: until `unmap` they cannot be freed. Return itself. Needs no heap.

        If the board keeps records: MemoryError if none is left to remember this over a reset, and NotPermitted in an
        interrupt handler. Nothing has changed then.
        """
        self._expect_free_to_use()
        _records.note_mapped(self)
        self._set_state(_MAPPED)
        return self

    def unmap(self):
        """Take the frames back from hardware. Return itself.

        If the board keeps records and the chip has two cores, NotPermitted in an interrupt handler; so is `free` of
        retained frames.
        """
        self._expect_held()
        if not self._held[_WORD] & _MAPPED:
            mistake(
                "NotPermitted", "{} frames from frame {} on are not mapped: map() them first", self.count, self.first
            )
        _records.note_unmapped(self)
        self._set_state(_UNMAPPED)
        return self

    def as_allocated_frame(self):
        """Return the only frame as an AllocatedFrame; SizeMismatch if there is not exactly one. Needs heap."""
        if self.count != 1:
            mistake("SizeMismatch", "{} frames are not one frame: split_at() or iterate", self.count)
        try:
            return AllocatedFrame(self, self.first)
        except MemoryError:
            needs_heap("as_allocated_frame()")

    def split_at(self, i):
        """Split before the frame `i`, counted from the first, and return two owners: of `i` frames and of the rest.

        This owner ends. 0 and `count` give one owner of nothing and one of everything. AddressOutOfRange if `i` is not
        0 to `count`. After an error this owner is unchanged.
        """
        _divisible(self)
        integer(i, "i")
        if not 0 <= i <= self.count:
            mistake(
                "AddressOutOfRange", "cannot split before frame {} of {} frames: give i of 0 to that", i, self.count
            )
        return self._divide(_new_pair(), i, self.count, 0)

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
        if not 0 <= i <= self.count or not 0 < n <= self.count - i:
            mistake(
                "AddressOutOfRange",
                "cannot split off n = {} frames from i = {} on: there are {} frames",
                n,
                i,
                self.count,
            )
        return self._divide(_new_triple(), i, i + n, self.count)

    def _divide(self, parts, second, third, end):
        """Make `parts` the owners of the frames before `second`, before `third` and, if it has three, before `end`, all
        counted from the first frame; this owner ends. Return `parts`."""
        held = self._held
        if held[_SCOPE] is not None:  # which needs heap: before anything is changed
            try:
                held[_SCOPE].adopt(parts)
            except MemoryError:
                needs_heap("a split in a scope()")
        start = 0
        for part in parts:
            stop = second if part is parts[0] else third if part is parts[1] else end
            part._held[_REGION] = held[_REGION]
            part._held[_WORD] = ((held[_WORD] >> STATE_BITS) + start) << STATE_BITS
            part._held[_COUNT] = stop - start
            part._held[_OWNER] = held[_OWNER]
            part._held[_SLACK] = held[_SLACK] if start < stop == held[_COUNT] else 0
            if 0 < start < stop:
                engine.join_or_split(held[_REGION].address, part._held[_WORD] >> STATE_BITS)
            start = stop
        self._set_state(_MOVED)
        return parts

    def merge(self, other):
        """Take over the frames of `other`, which ends. Return itself. Needs no heap.

        The frames of `other` must be of the same region, and directly before or behind these unless one of the two has
        none. `nbytes` is then all the frames but for what the last of them was not asked for. After an error both are
        unchanged.
        """
        if not isinstance(other, AllocatedFrames):
            wrong_type("other", "AllocatedFrames", other)
        _divisible(self)
        _divisible(other)
        if other is self:
            mistake("InvalidArgument", "cannot merge frames with themselves: give another AllocatedFrames")
        held, taken = self._held, other._held
        region = held[_REGION]
        if taken[_REGION] is not region:
            mistake(
                "InvalidArgument",
                "cannot merge frames of {} and of {}: they must be of one region",
                region.name,
                taken[_REGION].name,
            )
        first, others = self.first, other.first
        if taken[_COUNT] and held[_COUNT]:
            if others == first + held[_COUNT]:
                engine.join_or_split(region.address, others)
            elif first == others + taken[_COUNT]:
                engine.join_or_split(region.address, first)
            else:
                mistake(
                    "InvalidArgument",
                    "frames from {} on and from {} on are not adjacent: nothing was merged",
                    first,
                    others,
                )
        if taken[_COUNT]:
            if others > first or not held[_COUNT]:
                held[_SLACK] = taken[_SLACK]
            if others < first or not held[_COUNT]:
                held[_WORD] = (others << STATE_BITS) | (held[_WORD] & _STATE_MASK)
            held[_COUNT] += taken[_COUNT]
        other._set_state(_MOVED)
        return self


def _each(frames, first, count):
    """Generate an AllocatedFrame for each of `count` frames from `first` on."""
    for frame in range(first, first + count):
        yield AllocatedFrame(frames, frame)


def fill_frames(region, first, count, byte):
    """Fill the `count` frames of `region` from `first` on with `byte`. Needs no heap."""
    engine.fill_memory(region.base, first << region.shift, count << region.shift, byte * 0x101)


def _undo_foreign_free(frames, freed):
    """Raise because `free` did not free what `frames` owns; undo the free of another owner's allocation."""
    if freed == NOT_PERMITTED:
        not_permitted_in_handler()
    if freed > 0:
        frames.region.alloc_at(frames.first, freed)
    _foreign(frames, freed)


def _foreign(frames, found):
    """Raise InternalCorruption because an allocation of `found` frames is where `frames` are."""
    mistake(
        "InternalCorruption",
        "{} frames from frame {} on are an allocation of {}: something freed them raw",
        frames.count,
        frames.first,
        max(found, 0),
    )


def _divisible(frames):
    """Raise if `frames` cannot be split, merged or resized."""
    frames._expect_free_to_use()
    if frames._held[_WORD] & _RETAINED:
        text = "{} frames from frame {} on are retained as one: release() the name first"
        mistake("NotPermitted", text, frames.count, frames.first)
    _permitted_here(frames)


def _permitted_here(frames):
    """Raise NotPermitted in an interrupt handler unless the region is SHARED."""
    if engine.in_handler() and not frames._held[_REGION].attrs & SHARED:
        not_permitted_in_handler()


class _NoRecords:
    """What knows which frames are mapped on a board that keeps no records.

    Their owners stand in places made in advance, eight at a time, so that interrupt handlers can map frames too. The
    owners must not form a list themselves: a handler that interrupts the garbage collector would move the only
    reference to one of them to where the collector has been already.
    """

    def __init__(self):
        self._groups = ([None] * _MAPPED_PLACES,)  # replaced, never changed

    def note_mapped(self, frames):
        while True:
            groups = self._groups
            for group in groups:
                for place in range(_MAPPED_PLACES):
                    if group[place] is None and self._claim(group, place, frames):
                        return
            try:
                self._add_group(groups, groups + ([None] * _MAPPED_PLACES,))
            except MemoryError:
                exhausted("no place to remember that frames are mapped: map() them from the program")

    # Native code checks for no KeyboardInterrupt, so none can come between the lock and its release.

    @micropython.native
    def _claim(self, group, place, frames):
        """Put `frames` into the place, unless a handler or the other core took it; return whether it is in."""
        address = _spares.address
        lock = engine.hold_lock(address)
        is_free = group[place] is None
        if is_free:
            group[place] = frames
        engine.give_lock(address, lock)
        return is_free

    @micropython.native
    def _add_group(self, groups, more):
        """Replace `groups` by `more`, unless somebody else has replaced them."""
        address = _spares.address
        lock = engine.hold_lock(address)
        if self._groups is groups:
            self._groups = more
        engine.give_lock(address, lock)

    def note_unmapped(self, frames):
        for group in self._groups:
            for place in range(_MAPPED_PLACES):
                if group[place] is frames:
                    group[place] = None
                    return

    def forget(self, frames):
        pass

    def is_fresh(self, frames):
        return True

    def held_at(self, region, first):
        """Return whether the allocation of `region` at `first` is mapped, and the name that it is retained as."""
        for group in self._groups:
            for frames in group:
                if frames is not None and frames.region is region and frames.first == first and frames.count:
                    return True, None
        return False, None


# What knows which frames are mapped and retained.
_records = _NoRecords()


def keep_records(records):
    """Tell `records` from now on what is mapped and unmapped, and what is freed while retained.

    It has note_mapped(frames), note_unmapped(frames), forget(frames), name_of(frames), is_fresh(frames) and
    held_at(region, first). physmem_retained attaches its records here.
    """
    global _records
    _records = records


def held_at(region, first):
    """Return whether the allocation of `region` at the frame `first` is mapped, and the name that it is retained as or
    None. Needs heap."""
    return _records.held_at(region, first)


def slack_of(frames):
    """Return the bytes of the last frame that were not asked for. Needs no heap."""
    return frames._held[_SLACK]


def hold_retained(frames):
    """Mark `frames` as retained: a record has their name. No scope frees them any more."""
    frames._held[_WORD] |= _RETAINED
    frames._held[_SCOPE] = None


def hold_mapped(frames):
    """Mark `frames` as mapped to hardware, as their record says."""
    frames._set_state(_MAPPED)


def scope_of(frames):
    """Return the scope that frees `frames` at its end, or None."""
    return frames._held[_SCOPE]


def enter_scope(frames, scope):
    """Have `scope` free `frames` at its end; None for no scope."""
    frames._held[_SCOPE] = scope


class AllocatedFrame:
    """One frame of the AllocatedFrames `frames`, which still owns it; `frame` is counted from the region's base."""

    def __init__(self, owner, frame):
        self.frames = owner
        self.frame = frame

    @property
    def addr(self):
        """The address of the first byte. Needs heap above 0x3FFFFFFF."""
        self.frames._expect_held()
        region = self.frames.region
        try:
            return region.base + (self.frame << region.shift)
        except MemoryError:
            needs_heap("addr")

    @property
    def nbytes(self):
        """The size in bytes, which is the whole frame."""
        self.frames._expect_held()
        return self.frames.region.frame_size

    @property
    def view(self):
        """The memory of the frame as a memoryview of bytes. Needs heap."""
        self.frames._expect_held()
        try:
            return memoryview(bytearray_at(self.addr, self.nbytes))
        except MemoryError:
            needs_heap("view")


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
    """Return an owner of no frames."""
    frames = AllocatedFrames()
    frames._held = [None, 0, 0, None, 0, None]
    return frames


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
    except Exception:
        # The heap is locked or full, or the stack has no room: boot_complete(), a commit, or taking the next spare
        # fills them. A tuple of these errors would need heap.
        pass


def _schedule_filling():
    """Have the scheduler make the missing spares the next time it runs. Needs no heap.

    MicroPython checks the stack before the first line of what it schedules, where an error cannot be caught. So nothing
    is scheduled from so deep that there is no room for it.
    """
    global _fill_is_scheduled
    if not _fill_is_scheduled:
        _fill_is_scheduled = True
        try:
            try_two_calls()
            micropython.schedule(_fill_spares_when_possible, None)
        except RuntimeError:  # its queue is full, or the stack
            _fill_is_scheduled = False


def take_spare(region, first, count, owner, slack):
    """Return ``(frames, action)``: a spare owner of the frames, and its action.

    `slack` is in bytes. MemoryError if there is none, and no heap for more or the other core is making them.
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
    held = pair[0]._held
    held[_REGION] = region
    held[_WORD] = first << STATE_BITS
    held[_COUNT] = count
    held[_OWNER] = owner
    held[_SLACK] = slack
    return pair


def spare_owners():
    """Return how many spare owners are left. Needs no heap."""
    return _spares.is_used.count(_UNUSED, 0, _PAIRS)


@micropython.native
def new_frames(region, first, count, owner, slack=0):
    """Return a new AllocatedFrames, or a spare one if the heap is locked or full.

    `owner` is the caller's tag for the frames, `slack` the bytes that were not asked for. MemoryError if there is no
    spare one either.
    """
    try:
        frames = AllocatedFrames()
        frames._held = [region, first << STATE_BITS, count, owner, slack, None]
        return frames
    except MemoryError:
        return take_spare(region, first, count, owner, slack)[0]


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
