"""Groups of frames that are freed together: had whole, or not at all.

with physmem.scope() as scope:
    bufs = [physmem.allocate_frames_by_bytes(65536) for _ in range(400)]    # MemoryError frees those it got
    scope.keep()                                                            # all there: nothing is freed
"""

import sys

from physmem_allocate import UNTRIED, tell_frames_to
from physmem_errors import PhysMemError, expect_heap, mistake, needs_heap, wrong_type
from physmem_frames import MAPPED, AllocatedFrames, enter_scope, scope_of

try:
    from _thread import allocate_lock, get_ident
except ImportError:
    allocate_lock = None

_modules = sys.modules
_ALONE = (0, None)  # the context of code where there are no threads and no tasks
_FEWEST = 8  # owners that a scope remembers before it looks for some that have ended

_lock = allocate_lock and allocate_lock()  # for `_scopes`; None if there is one thread
_holder = None  # the thread that has the lock
_scopes = ()  # those that are open, the innermost of each context last; replaced, never changed


def scope():
    """Serve `physmem.scope`, which says what this does."""
    try:
        return Scope()
    except MemoryError:
        needs_heap("scope()")


def _context():
    """Return what tells apart threads, which are cores on some boards, and asyncio tasks: ``(thread, task)``."""
    if _lock is None and "asyncio" not in _modules:
        return _ALONE
    return _thread_and_task()


def _thread_and_task():
    task = None
    asyncio = _modules.get("asyncio")
    if asyncio is not None and hasattr(asyncio, "current_task"):
        try:
            task = asyncio.current_task()
        except RuntimeError:
            pass  # no task runs
    return (0 if _lock is None else get_ident()), task


def _innermost(context):
    """Return the open scope that code of that context is in, or None."""
    for found in reversed(_scopes):
        its = found.context
        if its is not None and its[0] == context[0] and its[1] is context[1]:
            return found
    return None


def _note(frames):
    try:
        context = _context()
        found = _scopes[-1]
        if found.context is not context:
            found = _innermost(context)
            if found is None:
                return
        listed = found._frames
        if len(listed) < found._limit:
            listed.append(frames)
            enter_scope(frames, found)
        else:
            found.adopt((frames,))
    except MemoryError:
        needs_heap("an allocation in a scope()")


def _list(new):
    """Have only the scopes that are open, and those of the tuple `new`, in `_scopes`. Needs heap."""
    global _holder
    # A function that the scheduler runs meanwhile must not wait for the thread that it interrupts. It changes nothing
    # here: the scopes that it opens it closes.
    me = get_ident()
    is_mine = _holder == me
    if not is_mine:
        _lock.acquire()
        _holder = me
    try:
        _replace(new)
    finally:
        if not is_mine:
            _holder = None
            _lock.release()


def _replace(new):
    """Do what `_list` does, where there is one thread, or with the lock."""
    global _scopes
    before = _scopes
    if before and not (len(before) == 1 and before[0].context is None):
        new = tuple([found for found in before if found.context is not None]) + new
    _scopes = new
    if not (before and new):
        tell_frames_to(_note if new else None, _long_way)


if _lock is None:
    _list = _replace


class _LongWay:
    """Stands for a region in the shortest ways of physmem_allocate while a scope is open: see `tell_frames_to`."""

    attrs = 0

    @staticmethod
    def alloc(n):
        return UNTRIED


_long_way = (_LongWay,)


class Scope:
    """A group of AllocatedFrames: what `scope` returns."""

    context = None  # while it is open: the thread and the task that it belongs to
    _around = None  # the scope around it
    _limit = _FEWEST

    def __enter__(self):
        if self.context is not None:
            expect_heap("scope()")
            mistake("NotPermitted", "this scope is open already: make another with scope()")
        try:
            self._frames = []
            context = _context()
            around = _innermost(context) if _scopes else None
            if around is not self._around:
                self._around = around
            self.context = context  # first: another thread would take it off the list
            _list((self,))
        except MemoryError:
            if self.context is not None:  # the first attribute of an instance needs heap
                self.context = None
            needs_heap("scope()")
        return self

    def __exit__(self, exception_type, exception, traceback):
        self.context = None  # it has ended, with heap or without
        mapped = 0
        wrong = None
        for frames in self._frames:
            if scope_of(frames) is self and frames:
                try:
                    frames.free()
                except PhysMemError as error:
                    enter_scope(frames, None)
                    if frames.state == MAPPED:
                        mapped += 1
                    else:
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
            mistake(
                "NotPermitted", "keep() after the end of the scope, whose frames are freed: call it inside the block"
            )
        expect_heap("keep()")
        if frames is None:
            kept = self._own()
        else:
            if not isinstance(frames, AllocatedFrames):
                wrong_type("frames", "AllocatedFrames", frames)
            if not frames:
                mistake(
                    "NotAllocated",
                    "these frames were {} already, nothing is left to keep: allocate new ones",
                    frames.state,
                )
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
