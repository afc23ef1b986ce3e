"""Groups of frames that are freed together: had whole, or not at all.

with physmem.scope() as scope:
    bufs = [physmem.allocate_frames_by_bytes(65536) for _ in range(400)]    # MemoryError frees those it got
    scope.keep()                                                            # all there: nothing is freed
"""

import sys

from physmem_allocate import tell_frames_to
from physmem_errors import PhysMemError, expect_heap, mistake, needs_heap, wrong_type
from physmem_frames import MAPPED, AllocatedFrames, enter_scope, scope_of

try:
    import _thread
except ImportError:
    _thread = None

_FEWEST = 8  # owners that a scope remembers before it looks for some that have ended

_lock = _thread.allocate_lock() if _thread else None  # for `_scopes`
_holder = None  # the thread that has the lock
_scopes = ()  # those that are open, the innermost of each context last; replaced, never changed


def scope():
    """Return a scope: ``with`` it, all frames allocated by object in the block are freed at its end, also after an
    exception, except those that it was told to keep.

    Frames that were freed before, retained (`physmem.retain`) or merged into others are none of its business; parts of
    a split are. Scopes nest: what an inner one keeps belongs to the one around it. At its end MAPPED frames stay with
    their owners: NotPermitted, unless an exception is under way. A scope ends with its block, so ``keep`` is then
    NotPermitted.

    A scope sees what its own thread and its own asyncio task allocate; interrupt handlers and raw calls it does not
    see. A function that the scheduler runs meanwhile belongs to the code that it interrupts: let it allocate before.
    In a generator, close the scope before you ``yield``. Needs heap.
    """
    expect_heap("scope()")
    return Scope()


def _context():
    """Return what tells apart threads, which are cores on some boards, and asyncio tasks."""
    task = None
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and hasattr(asyncio, "current_task"):
        try:
            task = asyncio.current_task()
        except RuntimeError:
            pass  # no task runs
    return (_thread.get_ident() if _thread else 0), task


def _innermost(context):
    """Return the open scope that code of that context is in, or None."""
    for found in reversed(_scopes):
        its = found.context
        if its is not None and its[0] == context[0] and its[1] is context[1]:
            return found
    return None


def _note(frames):
    try:
        found = _innermost(_context())
        if found is not None:
            found.adopt((frames,))
    except MemoryError:
        needs_heap("an allocation in a scope()")


def _list(new):
    """Have only the scopes that are open, and those of the tuple `new`, in `_scopes`. Needs heap."""
    global _holder, _scopes
    # A function that the scheduler runs meanwhile must not wait for the thread that it interrupts. It changes nothing
    # here: the scopes that it opens it closes.
    me = _thread.get_ident() if _thread else None
    is_mine = _lock is None or _holder == me
    if not is_mine:
        _lock.acquire()
        _holder = me
    try:
        _scopes = tuple([found for found in _scopes if found.context is not None]) + new
        tell_frames_to(_note if _scopes else None)
    finally:
        if not is_mine:
            _holder = None
            _lock.release()


class Scope:
    """A group of AllocatedFrames: what `scope` returns."""

    context = None  # while it is open: the thread and the task that it belongs to

    def __enter__(self):
        expect_heap("scope()")
        if self.context is not None:
            mistake("NotPermitted", "this scope is open already: make another with scope()")
        try:
            self._frames = []
            self._limit = _FEWEST
            context = _context()
            self._around = _innermost(context)
            self.context = context  # first: another thread would take it off the list
            _list((self,))
        except MemoryError:
            self.context = None
            needs_heap("scope()")
        return self

    def __exit__(self, exception_type, exception, traceback):
        self.context = None  # it has ended, with heap or without
        mapped = 0
        wrong = None
        for frames in self._frames:
            if scope_of(frames) is self and frames:
                enter_scope(frames, None)
                if frames.state == MAPPED:
                    mapped += 1
                else:
                    try:
                        frames.free()
                    except PhysMemError as error:
                        wrong = error
        self._frames = ()
        try:
            _list(())
        except MemoryError:
            pass  # the next scope that starts or ends takes it off the list
        if exception_type is None:
            if wrong is not None:
                raise wrong
            if mapped:
                mistake("NotPermitted", "{} of the scope's frames are mapped: unmap() and free() them yourself", mapped)

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, exception_type, exception, traceback):
        self.__exit__(exception_type, exception, traceback)

    def adopt(self, parts):
        """Free the AllocatedFrames `parts` at the end, too."""
        if len(self._frames) >= self._limit:
            self._frames = self._own()
            self._limit = 2 * len(self._frames) + _FEWEST
        for frames in parts:
            self._frames.append(frames)
            enter_scope(frames, self)

    def _own(self):
        """Return the frames that this scope would free now."""
        return [frames for frames in self._frames if scope_of(frames) is self and frames]

    def keep(self, frames=None):
        """Keep `frames`, an AllocatedFrames of this scope, or all that it has now, instead of freeing them at its end.

        They belong to the scope around this one, if there is one. NotPermitted if the scope has ended, NotAllocated if
        the frames have ended, InvalidArgument if they are not of this scope.
        """
        if self.context is None:
            mistake("NotPermitted", "keep() after the end of the scope: its frames are freed")
        expect_heap("keep()")
        if frames is None:
            kept = self._own()
        else:
            if not isinstance(frames, AllocatedFrames):
                wrong_type("frames", "AllocatedFrames", frames)
            if not frames:
                mistake("NotAllocated", "these frames were {} already: there is nothing to keep", frames.state)
            if scope_of(frames) is not self:
                mistake("InvalidArgument", "these frames were not allocated in this scope: keep() them in their own")
            kept = [frames]
        around = self._around
        while around is not None and around.context is None:  # it ended before this one, in a generator
            around = around._around
        if around is not None:
            try:
                around.adopt(kept)
            except MemoryError:
                needs_heap("keep()")
        else:
            for one in kept:
                enter_scope(one, None)
