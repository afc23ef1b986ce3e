"""What an error means and what to do, for docs/errors.md: the words that stand nowhere in the source. The
reference has them as well."""

from dataclasses import dataclass

AREAS = {
    "requests for frames": "allocate requests runs",
    "owners, scopes, frames by address": "frames scope find cache mapped",
    "retained and mapped frames": "records retained recover kept",
    "regions and memory plans": "engine region upkeep setup system overview plan heap low map",
    "debugging": "debug tiers",
    "RuVix' and Theseus' words": "buddy pages range",
    "installation": "physmem errors install",
    "claimed memory": "claim cut",
}
"""Area of a page -> the modules whose errors belong to it, without ``physmem_``."""


@dataclass(frozen=True)
class Error:
    """What an error means, and what to do; and both of the code that a raw call returns instead, if there is one."""

    meaning: str
    remedy: str
    raw: str = ""


ERRORS = {
    "MemoryError": Error(
        "No place is free, and no hook of `on_exhausted` has made one. Nothing has changed.",
        "Free something, ask for less, or ask elsewhere. The sentence says of each region that suits "
        "`… has … bytes free in … runs, at most … in one`. Enough bytes in too short runs is fragmentation: "
        "[pitfalls.md](pitfalls.md#full-and-fragmented). To free by itself what the "
        "program can spare, set a hook: [pitfalls.md](pitfalls.md#hooks-that-free-something).",
        "no such run of frames is free: free some, or ask for less",
    ),
    "NotInitialized": Error(
        "There is no system of regions yet, or an allocator has no memory.",
        "Boot first. Firmware of this project has booted before the REPL; on other firmware call "
        "`boot_in_heap(nbytes)` in boot.py ([stock_firmware.md](stock_firmware.md)).",
    ),
    "ZeroAllocation": Error(
        "You asked for nothing.",
        "Ask for at least one frame, byte or page.",
        "n is 0: ask for at least one frame",
    ),
    "AllocationTooLarge": Error(
        "More than one region, or one block, can have, even if all of it were free.",
        "Ask for less, or make several of it.",
        "n is negative or above what the region has: ask for less",
    ),
    "UnalignedAddress": Error(
        "An alignment is not a power of two, or an address or a size is not a multiple of what the sentence names.",
        "Give one that is. Sizes and alignments are in bytes unless their name says frames or pages.",
        "`align_frames` is not a power of two below 2**30: give one",
    ),
    "AddressOutOfRange": Error(
        "An address, a frame or a part lies outside of what the sentence names, or beyond the last address.",
        "Compare with what there was, at the end of the sentence. An address that no region has is taken only with "
        "`unknown=True`: [pitfalls.md](pitfalls.md#addresses-that-no-region-has).",
        "the frames are not all in the region: give frames from 0 to `region.frames` - 1",
    ),
    "AddressNotFree": Error(
        "Memory that you named is in use: by an allocation, by another region, by the collector or by the firmware.",
        "`physmem.map()` and `physmem.allocations()` show who has it. A region cannot lie in the collector's memory: "
        "[pitfalls.md](pitfalls.md#memory-that-the-collector-has).",
        "not all of the frames are free: give others",
    ),
    "NotAllocated": Error(
        "What you name does not exist, or no longer: the frames were freed, moved into another owner, or never there.",
        "Look for a second free, and for a use after `free`, `split_at` or `merge`: "
        "[pitfalls.md](pitfalls.md#owners-that-have-ended).",
        "no allocation starts at that frame: you free it twice, or not at its first frame",
    ),
    "SizeMismatch": Error(
        "What you name exists, but in another size.",
        "Give the size that the sentence says, or release it first.",
    ),
    "InvalidOrder": Error(
        "An order, or a number of pages, that RuVix' buddies do not have.",
        "Give one that the sentence says.",
    ),
    "InvalidArgument": Error(
        "An argument has a value that means nothing here, or contradicts another.",
        "The sentence names the argument and what it may be. Attributes: [pitfalls.md](pitfalls.md#attributes).",
    ),
    "NotPermitted": Error(
        "The call is right, but not now or not here: without heap, in an interrupt handler, on frames that are "
        "mapped or "
        "retained, a second time.",
        "Do first what the sentence says. [where_to_call.md](where_to_call.md) has each call in each place.",
        "an interrupt handler has called, and the region is not SHARED: let the program do it",
    ),
    "InternalCorruption": Error(
        "The books of physmem contradict each other. Something has freed frames past their owner, written where it "
        "owns "
        "nothing, or overwritten a record.",
        "Call `physmem.check()`, which says what is wrong, then look for the cause with the tiers of `physmem.debug()` "
        "([lifecycle.md](lifecycle.md)). Reset to start over.",
    ),
    "TypeError": Error(
        "An argument is of a wrong type. Python's own words say that arguments are missing or unknown.",
        "The sentence names the argument, what it must be and what it was.",
    ),
    "ImportError": Error(
        "What is installed lacks a module, does not fit the machine, or has no memory plan.",
        "Install the package that the sentence names: [packages.md](packages.md).",
    ),
    "AttributeError": Error("There is no such name.", "`dir(physmem)` lists those that there are."),
    "ClaimError": Error(
        "`physmem_claim` could not take memory from the collector. Nothing has changed.",
        "Claim at the start of boot.py, before anything else takes heap, or claim less. If this MicroPython is not "
        "one that "
        "it knows, `physmem.boot_in_heap()` works everywhere: [stock_firmware.md](stock_firmware.md).",
    ),
}
"""Code of a PhysMemError, or class of another error -> its Error, in the order of the page."""

OF_RAW_CALLS = {"OutOfMemory": "MemoryError"}
"""Code that raw calls alone have -> what the other calls raise."""


def error(name):
    """Return the Error of a code or a class."""
    return ERRORS[OF_RAW_CALLS.get(name, name)]


MICROPYTHON = (
    (
        "memory allocation failed, allocating … bytes",
        "a MemoryError of MicroPython's own heap, not of physmem's regions: keep less in it, or have `gc.collect()` "
        "run "
        "before",
    ),
    (
        "memory allocation failed, heap is locked",
        "the same in a hard interrupt handler or after `micropython.heap_lock()`: make the object in the program",
    ),
    ("maximum recursion depth exceeded", "a RuntimeError: the program is too deep in calls for one more"),
)
"""Errors of MicroPython itself that calls of physmem may let through: (words, what they mean)."""

ELSEWHERE = (
    (
        "no physmem_sentences.txt beside the modules: install the package again",
        "scripts/packages/sentence_file.py",
        "what a package of `make mip` says in place of a sentence whose file is not installed",
    ),
    (
        "physmem: … of PSRAM expected, … found: …",
        "firmware/rp2/physmem_boot_psram.py",
        "what a board with PSRAM prints at its start if the chip is smaller than the memory plan says, is not fitted "
        "or "
        "does not respond; the regions that it names are missing",
    ),
)
"""What is said by files outside of lib/: (words, the file, what they mean)."""
