"""Find what is wrong with a memory plan: by itself, for its chip, and for what the MicroPython port uses.

Each function returns sentences, [] if all is well. *plan* is the dict of the constants of a physmem_board.py, and
*port* is a harness.stm32_port.Port.
"""

import itertools

from harness.firmware_image import inside, overlap

ATTRIBUTES = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED")
"""Those that a memory plan may give to memory. A board's BUS_MASTERS are more."""

PAGE = 4096
"""physmem rounds the entries of OCCUPIED to frames of this many bytes."""
PLACE, HEAD = 64, 128
"""Bytes of a record, and of the two heads that the records have."""
LINE = 32
"""Bytes of a line of the Cortex-M7's data cache; the smallest frame has as many."""
EXTERNAL = range(0x60000000, 0xE0000000)
"""Addresses of memory outside the chip: Armv7-M manual, B3.1, the address space."""

HEADER_NAMES = {
    "CCM": ("CCMDATARAM_BASE",),
    "DTCM": ("RAMDTCM_BASE", "D1_DTCMRAM_BASE"),
    "SRAM1, SRAM2": ("SRAM1_BASE", "SRAM2_BASE"),
    "SRAM1, SRAM2, SRAM3": ("SRAM1_BASE", "SRAM2_BASE", "SRAM3_BASE", "D2_AHBSRAM_BASE"),
    "AXI SRAM": ("D1_AXISRAM_BASE",),
    "SRAM4": ("D3_SRAM_BASE",),
}
"""Memory of a chip -> names that ST's header of a chip may have for it, or for the parts of it."""


def shown(*places):
    """Return (base, size) of memory as text, for the sentences."""
    return " ".join(f"[{place[0]:#010x}, {place[1]:#x}]" for place in places if place) or "nothing"


def entries(plan):
    """Return (name, base, size, set of attributes) of all that the plan names: regions, occupied blocks, records."""
    found = [(name, base, size, set(words.split())) for name, base, size, _, words in plan["REGIONS"]]
    found += [(name, base, size, set("".join(words).split())) for name, base, size, *words in plan["OCCUPIED"]]
    return [*found, ("records", *plan["RETAINED_RECORDS"], set())]


def block(plan, name):
    """Return (base, size) of what the plan calls *name*; None if there is nothing of that name."""
    return next(((base, size) for found, base, size, _ in entries(plan) if found == name), None)


def _numbers(plan):
    for name, base, size, frame_size, _ in plan["REGIONS"]:
        if frame_size < LINE or frame_size & (frame_size - 1):
            yield f"the frame size of {name}, {frame_size}, is not a power of two from {LINE}"
        elif base % frame_size or size % frame_size or size <= 0:
            yield f"{name} is not whole frames of {frame_size} bytes"
    for name, base, size, *_ in plan["OCCUPIED"]:
        if base % PAGE or size % PAGE or size <= 0:
            yield f"{name} is not whole frames of {PAGE} bytes"
    base, size = plan["RETAINED_RECORDS"]
    if base % PLACE or size % PLACE or size < HEAD + PLACE:
        yield f"the records at {base:#010x}, {size:#x} bytes, are not whole places of {PLACE} bytes"


def _words(plan):
    masters = plan.get("BUS_MASTERS", ())
    if len(set(masters)) < len(masters) or set(masters) & set(ATTRIBUTES):
        yield f"BUS_MASTERS has a word twice, or one that every board has: {masters}"
    for name, _, _, words in entries(plan):
        if not words <= {*ATTRIBUTES, *masters}:
            yield f"{name} has attributes that the board lacks: {sorted(words - {*ATTRIBUTES, *masters})}"
        if {"CACHED", "RETAINED"} <= words:
            yield f"{name} is CACHED and RETAINED: what is in the cache is lost in a reset"
    for master in masters:
        if all((master in words) == ("DMA" in words) for _, _, _, words in entries(plan)):
            yield f"{master} reaches what DMA reaches, so it needs no word of its own"


def _places(plan):
    found = entries(plan)
    names = [name for name, *_ in found]
    if len(set(names)) < len(names):
        yield f"two of the names are the same: {names}"
    for first, second in itertools.combinations(found, 2):
        if overlap(first, second):
            yield f"{first[0]} overlaps {second[0]}"
    base, size = plan["RETAINED_RECORDS"]
    retained = [(at, at + length) for _, at, length, words in found if "RETAINED" in words]
    if not any(base + size == start or base == end for start, end in retained):
        yield f"the records at {base:#010x} are not beside a RETAINED region"


def inconsistencies(plan):
    """Return what is wrong with the plan by itself."""
    found = [*_numbers(plan), *_words(plan), *_places(plan)]
    if "GC_HEAP_END" in plan:
        base, size = block(plan, "micropython")
        if not base < plan["GC_HEAP_END"] <= base + size:
            found.append(f"the heap ends at {plan['GC_HEAP_END']:#010x}, outside micropython")
    return found


def wrong_reach(plan, memories):
    """Return what the plan says of bus masters that the chip's manual does not, or the other way round.

    *memories* is {name: (base, size, words of the masters that reach it)}. Flash is in none of them.
    """
    masters = {"DMA", *plan.get("BUS_MASTERS", ())}
    found = []
    for name, base, size, words in entries(plan):
        if name in ("records", "firmware"):
            continue
        held = [
            memory for memory, (start, length, _) in memories.items() if inside((0, base, size), (0, start, length))
        ]
        if len(held) != 1:
            found.append(f"{name} at {base:#010x} is not in one memory of the chip")
            continue
        expected = set(memories[held[0]][2].split()) & masters
        if words & masters != expected:
            found.append(f"{name} is in {held[0]}, which {sorted(expected)} reach, not {sorted(words & masters)}")
        if ("EXTERNAL" in words) != (base in EXTERNAL):
            found.append(f"{name} at {base:#010x} should {'not ' * ('EXTERNAL' in words)}be EXTERNAL")
    return found


def unlike_header(memories, header):
    """Return where the memories of a chip, as for `wrong_reach`, are not those of ST's header for it.

    *header* is {name: (base, size)}. It has no SDRAM.
    """
    found = []
    for name, (base, size, _) in memories.items():
        if name.startswith("SDRAM"):
            continue
        parts = sorted(header[part] for part in HEADER_NAMES[name] if part in header)
        position = base
        for start, length in parts:
            position = position + length if start == position else -1
        if position != base + size:
            found.append(f"{name} is at {shown(*parts)} in the header of the chip")
    return found


def _of_the_firmware(plan, port):
    expected = {"firmware": port.flash(), "filesystem_cache": port.files_cache() if port.has_internal_files() else None}
    for name, place in expected.items():
        if block(plan, name) != place:
            yield f"{name} is at {shown(block(plan, name))}, but for the port at {shown(place)}"
    ram = port.script.memories["RAM"]
    bottom, size = port.stack()
    end = port.script.symbols["_heap_end"]
    if block(plan, "micropython")[0] != ram[0]:
        yield f"micropython does not start where the RAM does, at {ram[0]:#010x}"
    if plan["GC_HEAP_END"] > end:
        yield f"the heap ends at {plan['GC_HEAP_END']:#010x}, above {end:#010x}, in the stack"
    for name, base, length, _ in entries(plan):
        if name not in ("stack", "micropython") and overlap(("", bottom, size), (name, base, length)):
            yield f"{name} overlaps the stack at {bottom:#010x}"
    # A block of the stack may start a little higher: physmem rounds it to PAGE, downwards.
    start, length = block(plan, "stack") or block(plan, "micropython")
    reserve = port.script.symbols["_estack_reserve"]
    if start > bottom + reserve or start + length != bottom + size + reserve:
        yield f"the stack is at {bottom:#010x}, {size:#x} bytes, but its block at {start:#010x}, {length:#x} bytes"


def _gaps(plan, port):
    """Memory of the linker script's RAM that is big enough for a frame, and that nothing uses or hands out."""
    start, size = port.script.memories["RAM"]
    frame = min(frame_size for _, _, _, frame_size, _ in plan["REGIONS"])
    used = [(base, base + length) for _, base, length, _ in entries(plan) if start <= base < start + size]
    used.append((port.stack()[0], start + size))
    position = start
    for base, end in sorted(used):
        if base - position >= frame:
            yield f"nothing uses the memory from {position:#010x} to {base:#010x}"
        position = max(position, end)


def _cache(plan, port):
    tightly_coupled = port.script.memories.get("DTCM", (0, 0))
    uncached = port.uncached()
    sdram = port.sdram()
    for name, base, size, words in entries(plan):
        if name in ("records", "firmware"):
            continue
        place = (name, base, size)
        if sdram and inside(place, ("", *sdram)):
            expected = port.sdram_is_cached()
        else:
            apart = inside(place, ("", *tightly_coupled)) or any(inside(place, found) for found in uncached)
            expected = port.has_data_cache() and not apart
        if ("CACHED" in words) != expected:
            yield f"{name} should {'' if expected else 'not '}be CACHED"
    in_use = {
        name
        for purpose, name in port.mpu_numbers().items()
        if not purpose.startswith("MPU_REGION_QSPI") or port.has("MICROPY_HW_QSPIFLASH_SIZE_BITS_LOG2")
    }
    for number, base, size in uncached:
        if base % size or size & (size - 1) or size < LINE:
            yield f"the MPU has no region of {size:#x} bytes at {base:#010x}"
        if f"MPU_REGION_NUMBER{number}" in in_use:
            yield f"the port has a use for the MPU's region {number}"
    base, size = plan["RETAINED_RECORDS"]
    apart = [(0, *tightly_coupled), *uncached]
    if port.has_data_cache() and not any(inside((0, base, size), found) for found in apart):
        yield f"the records at {base:#010x} are cached, so they do not outlive a reset"


def _sdram(plan, port):
    expected = port.sdram()
    found = [(base, size) for _, base, size, _, words in plan["REGIONS"] if "EXTERNAL" in words.split()]
    if found != ([expected] if expected else []):
        yield f"EXTERNAL regions are at {shown(*found)}, but the SDRAM that the port switches on at {shown(expected)}"
    if expected and port.value("MICROPY_HW_SDRAM_STARTUP_TEST"):
        yield "MICROPY_HW_SDRAM_STARTUP_TEST is on, and writes to the SDRAM at every start"


def _sections(plan, port):
    for section, (address, memory) in port.script.sections.items():
        start, size = port.script.memories[memory]
        kept = ("", address, start + size - address)
        holders = [name for name, base, length, _ in entries(plan) if overlap(kept, (name, base, length))]
        if holders != ["ethernet"] or not inside(kept, ("", *block(plan, "ethernet"))):
            yield f"the port's {section} at {address:#010x} is not all in the block ethernet, but in {holders}"


def differences(plan, port):
    """Return where the plan and the files of ports/stm32 do not agree."""
    parts = (_of_the_firmware, _gaps, _cache, _sdram, _sections)
    return [fault for part in parts for fault in part(plan, port)]
