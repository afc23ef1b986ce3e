"""Count one raw operation after another under the mix of `maps`, and compare each refusal with a model."""

import instructions
import maps
from instructions import of_call, summary
from micropython import const

FRAMES = const(2048)
_OPERATIONS = const(3000)


def run(percent, attrs=0):
    """Count operations on a bitmap aged around that occupancy.

    Return the summaries of all operations, of the granted allocations, of the frees and of the refusals; the number of
    refusals; and the number of refusals although some run of free frames was long enough. A model that knows nothing of
    the engine decides that: it has a byte for each frame, set according to the results of the calls.
    """
    load = maps.aged(FRAMES, percent, attrs)
    region, random, live = load.region, load.random, load.live
    model = bytearray(FRAMES)
    for frame, count, free in region.runs():
        for i in range(frame, frame + count):
            model[i] = not free
    allocations, frees, refusals = [], [], []
    refused_in_vain = 0
    for _ in range(_OPERATIONS):
        if load.used < load.target:
            n = load.size()
            count = of_call(region.alloc, n)
            frame = instructions.answer[0]
            if frame >= 0:
                allocations.append(count)
                assert not any(model[frame : frame + n])
                model[frame : frame + n] = b"\x01" * n
                live.append(frame)
                load.used += n
                continue
            refusals.append(count)
            refused_in_vain += bytes(model).find(bytes(n)) >= 0
        i = random.below(len(live))
        frame = live[i]
        live[i] = live[-1]
        live.pop()
        frees.append(of_call(region.free, frame))
        n = instructions.answer[0]
        model[frame : frame + n] = bytes(n)
        load.used -= n
    every = summary(allocations + frees + refusals)
    return every, summary(allocations), summary(frees), summary(refusals), len(refusals), refused_in_vain
