"""The right to free frames: owners, and spare owners made in advance."""

import micropython
import physmem_engine as engine
import physmem_errors as errors
import uctypes
from micropython import const
from physmem_engine import serve_call
from physmem_region import resize_frames

# States of AllocatedFrames.
ALLOCATED = "allocated"
MAPPED = "mapped"
UNMAPPED = "unmapped"
FREED = "freed"
MOVED = "moved"

# An owner keeps what it is in one list, because setting an attribute of an instance costs as much as half a raw
# allocation and because the properties of a class make each of those more expensive. _REFUSED: freed or moved, mapped
# to hardware, or with a record that they are retained.
_REGION = const(0)
_FIRST = const(1)
_COUNT = const(2)  # frames
_OWNER = const(3)  # the caller's tag
_SLACK = const(4)  # bytes of the last frame that were not asked for
_SCOPE = const(5)  # the scope that frees the frames at its end
_STATE = const(6)  # bits; the first three are the index in _STATES

_STATES = const(("allocated", "mapped", "unmapped", None, "freed", "moved", "freed", "moved"))
_STATE_MASK = const(7)
_MAPPED = const(1)
_UNMAPPED = const(2)
_FREED = const(4)
_MOVED = const(5)
_RETAINED = const(8)
_REFUSED = const(13)

_CACHED = const(4)  # as physmem_region has them
_SHARED = const(32)
_INVALIDATE = const(0xF5C >> 2)  # as physmem_cache has them
_CLEAN = const(0xF68 >> 2)
_CLEAN_AND_INVALIDATE = const(0xF70 >> 2)
_UNUSED = const(0)  # a spare owner
_USED = const(1)  # no spare owner any more: another may take its place
_LOG_OWNERS_OF_A_SPLIT = const(3)  # of eight spare owners one pair and one triple are for splits as well
_STATE_FRAMES = const(0)  # as physmem_engine has it
del const  # one more name would make the table of this module larger: heap

# `AllocatedFrames()` would look for two methods that there are not, and setting an attribute for three. What object
# has does neither.
new_instance = object.__new__
set_attribute = getattr(object, "__setattr__", setattr)  # not all builds of MicroPython have it


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

    del __module__, __qualname__  # noqa: F821  (they would make the table of the class larger: heap)

    _held = None

    def __repr__(self):
        region = self._held[_REGION]
        if region is None or self._held[_STATE] & _FREED:
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
        return _STATES[self._held[_STATE] & _STATE_MASK]

    @property
    @micropython.native
    def first(self):
        """The first frame, counted from the region's base."""
        held = self._held
        if held[_STATE] & _FREED:
            self._expect_held()
        return held[_FIRST]

    @property
    @micropython.native
    def count(self):
        """The number of frames."""
        held = self._held
        if held[_STATE] & _FREED:
            self._expect_held()
        return held[_COUNT]

    @property
    @micropython.native
    def addr(self):
        """The address of the first byte. Needs heap above 0x3FFFFFFF."""
        held = self._held
        if held[_STATE] & _FREED:
            self._expect_held()
        region = held[_REGION]
        try:
            return region.base + (held[_FIRST] << region.shift)
        except MemoryError:
            errors.needs_heap("addr")

    @property
    @micropython.native
    def nbytes(self):
        """The number of bytes that you asked for."""
        held = self._held
        if held[_STATE] & _FREED:
            self._expect_held()
        return (held[_COUNT] << held[_REGION].shift) - held[_SLACK]

    @property
    @micropython.native
    def capacity(self):
        """The size of all the frames in bytes, which may be more than you asked for."""
        held = self._held
        if held[_STATE] & _FREED:
            self._expect_held()
        return held[_COUNT] << held[_REGION].shift

    # A name of Python's own is looked up in all of the module first; not so if it is a default.

    @property
    def view(self, _memoryview=memoryview):
        """The bytes that you asked for as a memoryview. It does not keep the frames from being freed. Needs heap."""
        try:
            return _memoryview(uctypes.bytearray_at(self.addr, self.nbytes))
        except MemoryError:
            errors.needs_heap("view")

    @property
    def range(self):
        """The frames as a FrameRange: frame numbers counted from address 0, without the right to free them. Needs
        heap."""
        self._expect_held()
        errors.expect_heap("range")
        region = self._held[_REGION]
        words = errors.load("physmem_range", "range")
        return words.FrameRange(self.addr >> region.shift, self._held[_COUNT], region.frame_size)

    @property
    def name(self):
        """The name that the frames are retained as, or None. Needs heap if there is one."""
        try:
            return _records.name_of(self) if self._held[_STATE] & (_RETAINED | _FREED) == _RETAINED else None
        except MemoryError:
            errors.needs_heap("name")

    @property
    def fresh(self):
        """Whether the content is new rather than kept over a reset; None if the frames were freed or moved."""
        return None if self._held[_STATE] & _FREED else _records is None or _records.is_fresh(self)

    def __bool__(self):
        return not self._held[_STATE] & _FREED

    def __len__(self):
        return self.count

    def __iter__(self):
        """Return an iterator of an AllocatedFrame for each frame. This owner keeps the frames."""
        self._expect_held()
        errors.expect_heap("iteration")
        return errors.load("physmem_range", "iteration").each_frame(self, self.first, self.count)

    def __enter__(self):
        self._expect_held()
        return self

    def __exit__(self, exception_type, exception, traceback):
        state = self._held[_STATE]
        if state & _MAPPED and exception_type is not None:
            return  # they stay mapped; the exception says more than that mapped frames cannot be freed
        if not state & (_FREED | _RETAINED):
            self.free()

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, exception_type, exception, traceback):
        self.__exit__(exception_type, exception, traceback)

    def _expect_held(self):
        if self._held[_STATE] & _FREED:
            errors.mistake("NotAllocated", "these frames were {} already: allocate new ones", self.state)

    def _expect_free_to_use(self):
        state = self._held[_STATE]
        if state & _FREED:
            self._expect_held()
        if state & _MAPPED:
            errors.mistake(
                "NotPermitted", "{} frames from frame {} on are mapped: unmap() them first", self.count, self.first
            )

    def _end_retention(self):
        """Raise if the frames cannot be freed; release their name."""
        self._expect_free_to_use()
        _expect_permitted(self)
        held = self._held
        _records.forget(self, held[_REGION], held[_FIRST], held[_COUNT])

    def _undo_free(self, freed):
        """Raise because `free` did not free what this owns; undo the free of another owner's allocation."""
        if freed == engine.NOT_PERMITTED:
            errors.not_permitted_in_handler()
        if freed > 0:
            self.region.alloc_at(self.first, freed)
        _refuse_foreign(self, freed)

    def _expect_divisible(self):
        """Raise if the frames cannot be split, merged or resized."""
        if self._held[_STATE] & _REFUSED:
            self._expect_free_to_use()
            text = "{} frames from frame {} on are retained as one: release() the name first"
            errors.mistake("NotPermitted", text, self.count, self.first)
        _expect_permitted(self)

    def fill(self, byte=0):
        """Fill all the frames, also beyond `nbytes`, with `byte`, 0 to 255. Return itself. Needs no heap.

        InvalidArgument for another byte, NotAllocated if they are freed.
        """
        self._expect_held()
        errors.integer(byte, "byte")
        if not 0 <= byte <= 255:
            errors.mistake("InvalidArgument", "cannot fill with byte {}: give 0 to 255", byte)
        fill_frames(self._held[_REGION], self._held[_FIRST], self._held[_COUNT], byte)
        return self

    def resize(self, n, _by_name=..., zero=False):
        """``resize(n, *, zero=False)``: change the number of frames to `n` where they are, and return itself. With
        `zero` new frames are zeros.

        More frames: MemoryError if those behind are not all free; nothing has changed then, and no hook of
        `physmem.on_exhausted` is called. Fewer: the rest is freed. `nbytes` is then all of the `n` frames.
        ZeroAllocation if `n` is 0. NotPermitted for mapped and for retained frames, and in an interrupt handler if the
        region is not SHARED. Needs no heap.
        """
        if _by_name is not ...:
            errors.given_by_position()
        if errors.integer(n, "n") <= 0:
            errors.mistake(
                "InvalidArgument" if n else "ZeroAllocation", "cannot resize to n = {} frames: give 1 or more", n
            )
        return self._resize(n, 0, zero)

    def resize_by_bytes(self, nbytes, _by_name=..., zero=False):
        """``resize_by_bytes(nbytes, *, zero=False)``: change the size to `nbytes` bytes; otherwise as `resize`."""
        if _by_name is not ...:
            errors.given_by_position()
        if errors.integer(nbytes, "nbytes") <= 0:
            errors.mistake(
                "InvalidArgument" if nbytes else "ZeroAllocation",
                "cannot resize to nbytes = {}: give 1 or more",
                nbytes,
            )
        self._expect_held()
        if nbytes >= 1 << 29:
            errors.expect_heap("resize_by_bytes() to 2**29 bytes or more")
        region = self._held[_REGION]
        n = (nbytes + region.frame_size - 1) >> region.shift
        return self._resize(n, (n << region.shift) - nbytes, zero)

    def _resize(self, n, slack, zero):
        held = self._held
        region, first, count, _, _, _, state = held
        if state & _REFUSED:
            self._expect_divisible()
        if not count:
            errors.mistake("ZeroAllocation", "cannot resize 0 frames: allocate n = {} new ones", n)
        if zero is not False:
            errors.boolean(zero, "zero")
        # The engine takes the lower 32 bits of a number.
        resized = resize_frames(region, first, count, n) if n <= region.frames else engine.OUT_OF_MEMORY
        if resized != n:
            _expect_permitted(self)
            if resized == engine.NOT_ALLOCATED:
                _refuse_foreign(self, region.count(first))
            text = (
                "cannot resize {} frames at frame {} of {} to {} in place: the frames behind are not all free; free "
                "them, or allocate new ones"
            )
            if n > region.frames - first:
                text = (
                    "cannot resize {} frames at frame {} of {} to {} in place: allocate new ones, only {} of the "
                    "region are behind"
                )
            errors.exhausted(text, count, first, region.name, n, region.frames - first - count)
        held[_COUNT] = n
        held[_SLACK] = slack
        if zero and n > count:
            fill_frames(region, first + count, n - count, 0)
        return self

    def clean(self, offset=0, nbytes=None):
        """Write back to memory what the core has written to the frames, so that a device reads it. Return itself. Needs
        no heap.

        Call it after your last write and before the device starts to read. What you read afterwards is the same.

        `offset` and `nbytes` name a part of the frames in bytes, counted from `addr`; without `nbytes` it ends with the
        last frame. UnalignedAddress, in CACHED regions, if they are not multiples of 32, a cache line;
        AddressOutOfRange if the part is not all in the frames. NotAllocated if they were freed or moved.

        It does the work where the region is CACHED and the core has a data cache that is on. Elsewhere there is nothing
        to do, but the arguments are checked all the same. It does not wait for a device, nor stop one.
        """
        return self._care_for(offset, nbytes, _CLEAN)

    def invalidate(self, offset=0, nbytes=None):
        """Discard the cache's copy of the frames, so that you read what a device has written. Return itself. Needs no
        heap.

        What the core has written and `clean` has not written back is lost. Call it when the device has stopped writing
        and before you read; the core may have read ahead during the transfer. Call it, or `clean`, before the device
        starts as well: otherwise the cache may write old bytes over what the device wrote. `for_device` and `map` do
        that. The rest is as in `clean`.
        """
        return self._care_for(offset, nbytes, _INVALIDATE)

    def for_device(self):
        """Return an object for ``with frames.for_device() as frames:``, a block in which a device reads or writes the
        frames. Needs heap.

        At the start of the block what you wrote is written back, and no copy is left in the cache. At its end, also
        after an exception, what the core has read ahead is discarded. Do not write to the frames in the block, and have
        the device stopped before it ends. Frames that were freed, split or merged into others in the block are left
        alone; so are those that these frames have taken over in it.
        """
        self._expect_held()
        return errors.load("physmem_cache", "for_device()").for_device(self)

    def _care_for(self, offset, nbytes, work):
        """Check the part and do `work`, a constant of physmem_cache, to its lines. Return itself."""
        self._expect_held()
        held = self._held
        region = held[_REGION]
        capacity = held[_COUNT] << region.shift
        rest = capacity - offset if 0 <= errors.integer(offset, "offset") <= capacity else -1
        size = rest if nbytes is None else errors.integer(nbytes, "nbytes")
        if not 0 <= size <= rest:
            text = "offset {}, nbytes {} is not a part of the frames: give one of their {} bytes"
            errors.mistake("AddressOutOfRange", text, offset, nbytes, capacity)
        if region.attrs & _CACHED:
            cache = errors.load("physmem_cache", "clean() or invalidate()")
            cache.perform(region, held[_FIRST] << region.shift, offset, size, work)
        return self

    @micropython.native
    def map(self):
        """Give the frames to hardware: until `unmap` they cannot be freed. Return itself. Needs no heap.

        In a CACHED region what you wrote is written back, and no copy is left in the cache, as at the start of a
        `for_device` block. What you write while they are mapped, give to hardware with `clean`.

        If the board keeps records: MemoryError if none is left to remember this over a reset, and NotPermitted in an
        interrupt handler. Nothing has changed then. There the first call loads the module with the records, unless
        something was retained or mapped before the reset; that needs heap.
        """
        held = self._held
        if held[_STATE] & _REFUSED:
            self._expect_free_to_use()
        region = held[_REGION]
        if region.attrs & _CACHED:
            self._care_for(0, None, _CLEAN_AND_INVALIDATE)
        if _records is None:
            errors.load("physmem_records", "map()")
        _records.note_mapped(self, region, held[_FIRST], held[_COUNT], held[_SLACK])
        held[_STATE] = (held[_STATE] & ~_STATE_MASK) | _MAPPED
        return self

    @micropython.native
    def unmap(self):
        """Take the frames back from hardware. Return itself.

        Stop the hardware before. In a CACHED region you then read what it wrote: the cache's copy is discarded, and
        with it what you wrote since `map` and did not `clean`.

        If the board keeps records and the chip has two cores, NotPermitted in an interrupt handler; so is `free` of
        retained frames.
        """
        held = self._held
        if held[_STATE] & _STATE_MASK != _MAPPED:
            self._expect_held()
            errors.mistake(
                "NotPermitted", "{} frames from frame {} on are not mapped: map() them first", self.count, self.first
            )
        region = held[_REGION]
        if region.attrs & _CACHED:
            self._care_for(0, None, _INVALIDATE)
        _records.note_unmapped(self, region, held[_FIRST], held[_COUNT])
        held[_STATE] = (held[_STATE] & ~_STATE_MASK) | _UNMAPPED
        return self

    def as_allocated_frame(self):
        """Return the only frame as an AllocatedFrame; SizeMismatch if there is not exactly one. Needs heap."""
        if self.count != 1:
            errors.mistake("SizeMismatch", "{} frames are not one frame: split_at() or iterate", self.count)
        words = errors.load("physmem_range", "as_allocated_frame()")
        try:
            return words.AllocatedFrame(self, self.first)
        except MemoryError:
            errors.needs_heap("as_allocated_frame()")

    def split_at(self, i):
        """Split before the frame `i`, counted from the first, and return two owners: of `i` frames and of the rest.

        This owner ends. 0 and `count` give one owner of nothing and one of everything. AddressOutOfRange if `i` is not
        0 to `count`. After an error this owner is unchanged.
        """
        self._expect_divisible()
        errors.integer(i, "i")
        if not 0 <= i <= self.count:
            errors.mistake(
                "AddressOutOfRange", "cannot split before frame {} of {} frames: give i of 0 to that", i, self.count
            )
        return _divide(self, _blanks(2), i, self.count, 0)

    def split_range(self, i, n):
        """Split into three owners and return them: the frames before `i`, `n` frames from `i` on, the rest.

        This owner ends. `i` is counted from the first frame. ZeroAllocation if `n` is 0, AddressOutOfRange if the `n`
        frames are not all among these. After an error this owner is unchanged.
        """
        self._expect_divisible()
        errors.integer(i, "i")
        errors.integer(n, "n")
        if n == 0:
            errors.mistake("ZeroAllocation", "cannot split off 0 frames: give n of at least 1")
        if not 0 <= i <= self.count or not 0 < n <= self.count - i:
            errors.mistake(
                "AddressOutOfRange",
                "cannot split off n = {} frames from i = {} on: give some of the {} frames",
                n,
                i,
                self.count,
            )
        return _divide(self, _blanks(3), i, i + n, self.count)

    # `free` names no global: MicroPython would install an exception handler for each call.
    # It is the last method but one: there, and at its place in a Region (physmem_upkeep), one entry of the cache in
    # which MicroPython remembers where a name was serves both.

    @micropython.native
    def free(self):
        """Free the frames and return their number. Retained frames are released too, as by `physmem.release`.

        NotAllocated if they are freed already or merged, NotPermitted if they are mapped.
        """
        held = self._held
        region, first, count, _, _, _, state = held
        if state & _REFUSED:
            self._end_retention()
        if count:
            freed = region.free(first)
            if freed != count:
                self._undo_free(freed)
        held[_STATE] = _FREED
        return count

    def merge(self, other):
        """Take over the frames of `other`, which ends. Return itself. Needs no heap.

        The frames of `other` must be of the same region, and directly before or behind these unless one of the two has
        none; otherwise you get an InvalidArgument. `nbytes` is then all the frames but for what the last of them was
        not asked for. NotAllocated if one of the two is freed. After an error both are unchanged.
        """
        if not isinstance(other, AllocatedFrames):
            errors.wrong_type("other", "AllocatedFrames", other)
        self._expect_divisible()
        other._expect_divisible()
        if other is self:
            errors.mistake("InvalidArgument", "cannot merge frames with themselves: give another AllocatedFrames")
        held, taken = self._held, other._held
        region = held[_REGION]
        if taken[_REGION] is not region:
            errors.mistake(
                "InvalidArgument",
                "cannot merge frames of {} and of {}: give frames of one region",
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
                errors.mistake(
                    "InvalidArgument",
                    "frames from {} on and from {} on are not adjacent: give those directly before or behind",
                    first,
                    others,
                )
        if taken[_COUNT]:
            if others > first or not held[_COUNT]:
                held[_SLACK] = taken[_SLACK]
            if others < first or not held[_COUNT]:
                held[_FIRST] = others
            held[_COUNT] += taken[_COUNT]
        taken[_STATE] = _MOVED
        return self


def _expect_permitted(frames):
    """Raise NotPermitted in an interrupt handler unless the region is SHARED."""
    if engine.in_handler() and not frames._held[_REGION].attrs & _SHARED:
        errors.not_permitted_in_handler()


def _refuse_foreign(frames, found):
    """Raise InternalCorruption because an allocation of `found` frames is where these are."""
    errors.mistake(
        "InternalCorruption",
        "{} frames from frame {} on are an allocation of {}: free frames by their owner, not raw",
        frames.count,
        frames.first,
        max(found, 0),
    )


def _divide(frames, parts, second, third, end):
    """Make `parts` the owners of the frames before `second`, before `third` and, if it has three, before `end`, all
    counted from the first frame; this owner ends. Return `parts`."""
    held = frames._held
    if held[_SCOPE] is not None:  # which needs heap: before anything is changed
        try:
            held[_SCOPE].adopt(parts)
        except MemoryError:
            errors.needs_heap("a split in a scope()")
    start = 0
    for part in parts:
        stop = second if part is parts[0] else third if part is parts[1] else end
        part._held[_REGION] = held[_REGION]
        part._held[_FIRST] = held[_FIRST] + start
        part._held[_COUNT] = stop - start
        part._held[_OWNER] = held[_OWNER]
        part._held[_SLACK] = held[_SLACK] if start < stop == held[_COUNT] else 0
        if 0 < start < stop:
            engine.join_or_split(held[_REGION].address, part._held[_FIRST])
        start = stop
    held[_STATE] = _MOVED
    return parts


def fill_frames(region, first, count, byte):
    """Fill the `count` frames of `region` from `first` on with `byte`. Needs no heap."""
    engine.fill_memory(region.base, first << region.shift, count << region.shift, byte * 0x101)


# The module that knows which frames are mapped and retained, once there is a system; and what physmem_records needs to
# be that again, where `leave_records` has let it go.
_records = None
_records_left = None


def lock_address():
    """Return the address of a state that has the lock of the regions."""
    return _spares_address


def keep_records(records):
    """Tell `records` from now on what is mapped and unmapped, and what is freed while retained.

    It has note_mapped(frames, region, first, count, slack), note_unmapped(frames, region, first, count),
    is_fresh(frames), held_at(region, first) and make_way(). Where frames are retained it also has forget(frames,
    region, first, count) and name_of(frames). It is physmem_records on a board that keeps records, otherwise
    physmem_mapped.
    """
    global _records
    _records = records


def leave_records():
    """Do without physmem_records, which takes heap, until the first frames are mapped or retained. Its
    ``make_way()`` returns what it needs to be there again, or None if it must stay."""
    global _records, _records_left
    _records_left = _records.make_way()
    if _records_left:
        _records = None


def held_at(region, first):
    """Return whether the allocation of `region` at the frame `first` is mapped, and the name that it is retained as or
    None. Needs heap."""
    return (False, None) if _records is None else _records.held_at(region, first)


def hold_retained(frames):
    """Mark `frames` as retained: a record has their name. No scope frees them any more.

    Return ``[region, first, count, owner, slack, None, bits]``, the owner's own list.
    """
    held = frames._held
    held[_STATE] |= _RETAINED
    held[_SCOPE] = None
    return held


def hold_mapped(frames):
    """Mark `frames` as mapped to hardware, as their record says."""
    held = frames._held
    held[_STATE] = (held[_STATE] & ~_STATE_MASK) | _MAPPED


def scope_of(frames):
    """Return the scope that frees `frames` at its end, or None."""
    return frames._held[_SCOPE]


def enter_scope(frames, scope):
    """Have `scope` free `frames` at its end; None for no scope."""
    frames._held[_SCOPE] = scope


class DeferredAllocAction:
    """The bookkeeping of one allocation that needs heap: a spare owner in place of the one that was used up.

    It happens on `commit`, at the end of a ``with`` block, or automatically the next time the scheduler runs. Whichever
    comes first completes all pending actions. `pending` says whether it is still to come. If the heap is locked when
    the scheduler runs, or its queue is full, a later commit, `boot_complete` or the next deferred allocation does it.
    You may free the frames before that, and you may drop an action; no frame is lost. After a reset all spare owners
    are there, whether you committed or not.
    """

    del __module__, __qualname__  # noqa: F821  (they would make the table of the class larger: heap)

    @property
    @micropython.native
    def pending(self):
        """Whether the bookkeeping is still to come."""
        for pair in _spares:
            if pair[1] is self:
                break
        else:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        try:
            self.commit()
        except errors.PhysMemError:
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
            return fill_spares()
        except MemoryError:
            errors.mistake("NotPermitted", "an action needs heap, which is locked or full: commit() later")


# The spare owners, to be taken without heap, in interrupt handlers as well. Each has a place. `_spares` has its pair
# there, ``(owner, action)``; `_is_used` has _UNUSED or _USED; and the state of a region without memory, with a frame
# for each place, says where one is free to take, because its raw calls may interrupt each other. A pair that is taken
# stays in its place until `fill_spares` puts another there: a handler that interrupts the garbage collector must not
# move the last reference to an object, because the collector would not find it.
#
# A split takes two or three neighbours at once. Their tuple is made in advance, too: behind the pairs, `_spares` has
# the tuples of the owners in the last places, first triples, then as many of two. Single owners are taken from the
# first place on.
_spares = ()
_is_used = b""
_spares_state = None
_spares_address = 0
_is_filling = False
_fill_is_scheduled = False


def make_spares(owners):
    """Make so many spare owners, with the lock that regions made now get. Needs heap."""
    global _spares, _is_used, _spares_state, _spares_address
    state = errors.load("physmem_state", "a pool").new_state(owners, 0, True)
    splits = owners >> _LOG_OWNERS_OF_A_SPLIT
    spares = [_new_pair() for _ in range(owners)]
    _spares = spares + [None] * (2 * splits)
    _is_used = bytearray(owners)
    _spares_state, _spares_address = state, uctypes.addressof(state)
    for place in range(owners - 5 * splits, owners):
        _gather(place)


@micropython.native
def _new_pair():
    """Return an owner of no frames, and its action."""
    frames = new_instance(AllocatedFrames)
    set_attribute(frames, "_held", [None, 0, 0, None, 0, None, 0])
    return frames, new_instance(DeferredAllocAction)


def _gather(place):
    """Make the tuple for splits that has the owner in this place. Needs heap."""
    owners = _spares_state[_STATE_FRAMES]
    splits = owners >> _LOG_OWNERS_OF_A_SPLIT
    first = owners - 5 * splits
    i = owners
    n = 3
    if place >= first + 3 * splits:
        first += 3 * splits
        i += splits
        n = 2
    i += (place - first) // n
    first = place - (place - first) % n
    parts = (_spares[first][0], _spares[first + 1][0])
    _spares[i] = parts if n == 2 else parts + (_spares[first + 2][0],)


@micropython.native
def fill_spares():
    """Make all missing spare owners and their actions, and return True. Needs heap. Not for handlers.

    Return False, having done nothing, if it is running already: on the other core, or interrupted by a function that
    the scheduler runs.
    """
    global _is_filling
    address = _spares_address
    # Native code checks for no KeyboardInterrupt, so none can come between the lock and its release.
    lock = engine.hold_lock(address)
    is_filled_by_another = _is_filling
    if not is_filled_by_another:  # the other one may clear it before this is stored
        _is_filling = True
    engine.give_lock(address, lock)
    if not is_filled_by_another:
        try:
            next_used = engine.next_used
            owners = _spares_state[_STATE_FRAMES]
            first_for_splits = owners - 5 * (owners >> _LOG_OWNERS_OF_A_SPLIT)
            place = next_used(address, 0)
            while place < owners:
                if _is_used[place]:  # otherwise it is being taken
                    _spares[place] = _new_pair()
                    if place >= first_for_splits:
                        _gather(place)
                    _is_used[place] = _UNUSED
                    serve_call(address, place, 0)  # as free
                place = next_used(address, place + 1)
        finally:
            _is_filling = False
    return not is_filled_by_another


def _fill_spares_when_possible(_):
    global _fill_is_scheduled
    _fill_is_scheduled = False
    try:
        fill_spares()
    except Exception:
        # The heap is locked or full, or the stack has no room: boot_complete(), a commit, or taking the next spare
        # fills them. A tuple of these errors would need heap.
        pass


@micropython.native
def _schedule_filling(try_calls):
    """Have the scheduler make the missing spares the next time it runs. Needs no heap.

    MicroPython checks the stack before the first line of what it schedules, where an error cannot be caught. So nothing
    is scheduled from so deep that there is no room for it. Two calls of machine code, such as that of `take_spare` and
    of this, are as deep as what the scheduler needs below the bytecode function that calls the first.
    """
    global _fill_is_scheduled
    _fill_is_scheduled = True
    try:
        if try_calls:
            errors.try_two_calls()
        micropython.schedule(_fill_spares_when_possible, None)
    except RuntimeError:  # its queue is full, or the stack
        _fill_is_scheduled = False


@micropython.native
def take_spare(region, first, count, owner, slack):
    """Return ``(frames, action)``: a spare owner of the frames, and its action.

    `slack` is in bytes. MemoryError if there is none, and no heap for more or the other core is making them.
    """
    place = serve_call(_spares_address, 1, -1)  # as alloc
    if place < 0:
        place = _make_and_take()
    pair = _spares[place]
    _is_used[place] = _USED  # from here on `fill_spares` may put another there
    held = pair[0]._held
    held[_REGION] = region
    held[_FIRST] = first
    held[_COUNT] = count
    held[_OWNER] = owner
    held[_SLACK] = slack
    if not _fill_is_scheduled:
        _schedule_filling(False)
    return pair


def _make_and_take():
    """Return the place of a spare owner, having made some if there is heap for it."""
    if not engine.in_handler():
        try:
            fill_spares()
        except MemoryError:
            pass
    place = serve_call(_spares_address, 1, -1)
    if place < 0:
        if not _fill_is_scheduled:
            _schedule_filling(True)
        text = "all {} spare owners are in use: boot_complete() or commit() an action first"
        errors.exhausted(text, len(_is_used))
    return place


@micropython.native
def new_frames(region, first, count, owner, slack):
    """Return a new AllocatedFrames, or a spare one if the heap is locked or full.

    `owner` is the caller's tag for the frames, `slack` the bytes that were not asked for. MemoryError if there is no
    spare one either.
    """
    try:
        frames = new_instance(AllocatedFrames)
        set_attribute(frames, "_held", [region, first, count, owner, slack, None, 0])
        return frames
    except MemoryError:
        return take_spare(region, first, count, owner, slack)[0]


def _blanks(n):
    """Return a tuple of two or three owners of no frames: new ones, or spare ones if the heap is locked or full."""
    try:
        parts = (_new_pair()[0], _new_pair()[0])
        return parts if n == 2 else parts + (_new_pair()[0],)
    except MemoryError:
        pass
    parts = None
    owners = _spares_state[_STATE_FRAMES]
    splits = owners >> _LOG_OWNERS_OF_A_SPLIT
    first = owners - (5 if n == 3 else 2) * splits
    owners += 0 if n == 3 else splits
    for i in range(owners, owners + splits):
        if serve_call(_spares_address, first, n) == first:  # as alloc_at
            parts = _spares[i]
            for place in range(first, first + n):
                if place > first:
                    engine.join_or_split(_spares_address, place)  # each is freed on its own
                _is_used[place] = _USED
            break
        first += n
    if not _fill_is_scheduled:
        _schedule_filling(True)
    if parts is None:
        text = "no {} spare owners for a split are left: boot_complete() or commit() an action first"
        errors.exhausted(text, n)
    return parts
