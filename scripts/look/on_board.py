"""What runs on the board: print one snapshot of all frames as JSON text, piece by piece, so that it takes little heap.

Any MicroPython with physmem can import this file, or execute it; it uses only what is public there:

    import on_board, sys
    on_board.look_at_frames(sys.stdout.write)

`make map` sends the functions one by one, as a small heap has no room for all at once. So nothing else may stand here.
"""


def _guards(physmem):
    """Return the addresses of all guards of the debug tiers.

    `physmem.dump` alone tells them: `physmem.allocations` leaves them out, together with what a handler allocates just
    then, and takes heap for all the others.
    """
    found = set()

    def add(line):
        words = line.split(None, 2)  # address..end, number of frames, use
        if words[2:] == ["used by a guard"]:
            found.add(int(words[0].split(".")[0], 16))

    physmem.dump(add)
    return found


def _told(physmem, dumps, address):
    """Return JSON text of the allocation at `address`: its state, its owner and its name, as far as they are known."""
    place = physmem.find(address)
    state, name, owner = place.state, place.name, place.owner
    if name is not None and state == physmem.ALLOCATED:
        state = "retained"
    text = '"%s"' % state
    if owner is not None or name is not None:
        text += ", " + dumps(None if owner is None else str(owner))
    if name is not None:
        text += ", " + dumps(name)
    return text


def look_at_frames(write, measure=False):
    """Write a snapshot of all regions as JSON text: call ``write(text)`` for each piece.

    ::

        {"version": "0.2.0", "board": "...", "ticks_ms": n, "regions": [
            {"name": "sram", "base": address, "frame_size": bytes, "frames": n, "attributes": "DMA FAST",
             "used": frames, "peak": frames, "failed": searches, "largest": frames,
             "runs": [[first, count, state, owner, name], ...]}],
         "cost": {"us": microseconds, "heap": bytes or null}}

    The runs are those of free frames and the allocations, by address; together they are all frames of the region.
    `state` is one of "free", "allocated", "mapped", "retained", "guard" (of the debug tiers) and "firmware" (a reserved
    region that is in use as a whole). `owner` is the tag of ``owner=``, `name` what it is retained as; if neither is
    known they are left out. `measure` tells how many bytes of heap this took, which costs a walk through the heap.

    Interrupt handlers may allocate meanwhile: then the runs are from different moments. Raise ImportError if no program
    has imported physmem.
    """
    import sys

    physmem = sys.modules.get("physmem")
    if physmem is None:
        raise ImportError("no program has imported physmem")
    import gc
    import time
    from json import dumps

    start = time.ticks_us()
    heap = gc.mem_alloc() if measure else 0

    guards = _guards(physmem) if "physmem_debug" in sys.modules else ()
    board = getattr(sys.implementation, "_machine", sys.platform)
    write('{"version": %s, "board": %s, ' % (dumps(physmem.__version__), dumps(board)))
    write('"ticks_ms": %d, "regions": [' % time.ticks_ms())
    comma = ""
    for region in physmem.regions():
        attrs = region.attrs
        names = " ".join([name for bit, name in enumerate(physmem.ATTRIBUTES) if attrs >> bit & 1])
        write('%s\n{"name": %s, "base": %d, ' % (comma, dumps(region.name), region.base))
        write('"frame_size": %d, "frames": %d, ' % (region.frame_size, region.frames))
        write('"attributes": "%s", "used": %d, ' % (names, region.used_frames))
        write('"peak": %d, "failed": %d, ' % (region.peak_used, region.failed))
        write('"largest": %d, "runs": [' % region.largest_free())
        is_of_the_firmware = attrs & physmem.RESERVED and region.count(0) == region.frames
        comma = ""
        for first, count, free in region.runs():
            if free:
                text = '"free"'
            elif is_of_the_firmware:
                text = '"firmware"'
            else:
                address = region.addr(first)
                text = '"guard"' if address in guards else _told(physmem, dumps, address)
            write("%s\n[%d, %d, %s]" % (comma, first, count, text))
            comma = ","
        write("]}")
        comma = ","
    taken = gc.mem_alloc() - heap if measure else None
    us = time.ticks_diff(time.ticks_us(), start)
    write('],\n"cost": {"us": %d, "heap": %s}}\n' % (us, "null" if taken is None else taken))
