"""What the emulator shares with its C code, which runs the cores in turns and is called before each instruction."""

import ctypes
import pathlib

from unicorn import UC_HOOK_CODE
from unicorn.unicorn_py3.unicorn import uclib

BUILD = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "rp2350"
"""Where build.sh puts what it makes."""

CORES, LOCKS, WINDOWS = 2, 32, 256
WINDOW_BITS = 24
NEVER = (1 << 64) - 1
SIO, SIO_SIZE = 0xD0000000, 0x40000

_READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)
_WRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p)
_EACH_CORE = ctypes.c_uint32 * CORES


class Code(ctypes.Structure):
    """struct code: the memory of one window of 16 MiB that the cores can execute."""

    _fields_ = [("bytes", ctypes.c_void_p), ("size", ctypes.c_uint64)]


class Lock(ctypes.Structure):
    """struct lock: the counts of a spin lock."""

    _fields_ = [(name, _EACH_CORE) for name in ("acquisitions", "waits", "refused_reads", "longest")]


class State(ctypes.Structure):
    """struct state. state.h says what each field means."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("count", "limit", "alarm", "unaligned", "watched", "reached")),
        ("instructions", ctypes.c_uint64 * CORES),
        *((name, ctypes.c_uint64) for name in ("ahead", "turn_start", "turn_end", "turn_latest")),
        ("taken_at", ctypes.c_uint64 * LOCKS),
        ("contexts", ctypes.c_void_p * CORES),
        ("read", _READ),
        ("write", _WRITE),
        ("code", Code * WINDOWS),
        ("statistics", Lock * LOCKS),
        *((name, ctypes.c_uint32) for name in ("core", "is_stopped", "pc", "it_left")),
        ("is_masked", _EACH_CORE),
        *((name, ctypes.c_uint32) for name in ("is_interrupted", "is_event_awaited")),
        ("events", _EACH_CORE),
        ("next_pc", _EACH_CORE),
        *((name, ctypes.c_uint32) for name in ("turn_core", "random", "measures_stack", "lowest", "highest")),
        *((name, ctypes.c_uint32) for name in ("locks", "lock_is_broken")),
        ("refused", _EACH_CORE),
        ("owner", ctypes.c_uint32 * LOCKS),
    ]

    def __init__(self):
        super().__init__(turn_core=CORES, unaligned=NEVER, watched=NEVER, reached=NEVER)

    def reset_locks(self):
        """Release all spin locks and clear their counts."""
        self.locks = 0
        self.refused = _EACH_CORE()
        self.reset_statistics()

    def reset_statistics(self):
        """Clear the counts. A lock that is held stays held; the longest times count from the next claim."""
        self.statistics = (Lock * LOCKS)()
        self.taken_at = (ctypes.c_uint64 * LOCKS)(*[NEVER] * LOCKS)

    def spin_locks(self):
        """Return the counts of each lock that was ever read, by its number as a string: see SpinLocks of the RP2040."""
        result = {}
        for number, lock in enumerate(self.statistics):
            if any(lock.acquisitions) or any(lock.refused_reads):
                counts = {name: list(getattr(lock, name)) for name in ("acquisitions", "waits", "refused_reads")}
                longest = list(lock.longest)
                result[str(number)] = {**counts, "longest_instructions": longest, "longest_cycles": longest}
        return result


def address_of(memory):
    """Return the host's address of the mmap *memory*."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


class Native:
    """The C code, with its hooks in the engine of *uc*; keep the object as long as the engine runs.

    *read(offset, size)* and *write(offset, size, value)* get the accesses to the SIO that the C code does not do.
    """

    def __init__(self, uc, state, read, write):
        library = ctypes.CDLL(str(BUILD / "native.so"))
        library.size_of_state.restype = ctypes.c_uint64
        size = library.size_of_state()
        if size != ctypes.sizeof(State):
            raise RuntimeError(f"state.h has {size} bytes of state, native.py {ctypes.sizeof(State)}")
        state.read = _READ(lambda _, offset, size, __: read(uc, offset, size, None))
        state.write = _WRITE(lambda _, offset, size, value, __: write(uc, offset, size, value, None))
        self._uc, self._state, self._library = uc, state, library
        self._pointer = ctypes.byref(state)
        _check(library.make_contexts(uc._uch, self._pointer))
        self._handle = ctypes.c_size_t()
        pointer = ctypes.cast(ctypes.byref(state), ctypes.c_void_p)
        on_instruction, sio_read, sio_write = (
            ctypes.cast(getattr(library, name), ctypes.c_void_p) for name in ("on_instruction", "sio_read", "sio_write")
        )
        everywhere = ctypes.c_uint64(1), ctypes.c_uint64(0)
        _check(
            uclib.uc_hook_add(uc._uch, ctypes.byref(self._handle), UC_HOOK_CODE, on_instruction, pointer, *everywhere)
        )
        place = ctypes.c_uint64(SIO), ctypes.c_size_t(SIO_SIZE)
        _check(uclib.uc_mmio_map(uc._uch, *place, sio_read, pointer, sio_write, pointer))

    def switch_to(self, core):
        """Have the registers of unicorn be those of core number *core*."""
        self._library.switch_to(self._uc._uch, self._pointer, core)

    def run_turns(self, awake, end):
        """Run the cores whose bits are set in *awake*: see turns.c. Return an error of unicorn, 0 for none.

        Raise what a callback in Python has raised.
        """
        uc = self._uc
        uc._hook_exception = None  # as Uc.emu_start does
        error = self._library.run_turns(uc._uch, self._pointer, awake, ctypes.c_uint64(end))
        if uc._hook_exception is not None:
            raise uc._hook_exception
        return error


def _check(error):
    if error:
        raise RuntimeError(f"unicorn refuses the hook: error {error}")
