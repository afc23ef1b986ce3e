"""Allocate known frames of the region `sram` of a board of this project, for tests of what is told about them.

Everything stands at frames that are named here, so a test can say from arithmetic what there must be.
"""

import physmem

physmem.debug(owners=True)
sram = physmem.region("sram")
size = sram.frame_size


def at(frame, n, owner=None):
    """Allocate the `n` frames from `frame` on."""
    return physmem.allocate_frames_at(sram.addr(frame), n, owner=owner)


kept = [at(0, 2, "display"), at(2, 1, "display"), at(5, 4, 'a "quoted"\nowner')]
mapped = at(12, 3, "sensor")
mapped.map()
log = physmem.retain("log", size + 1, low=sram.addr(20), high=sram.addr(22), owner="log")
raw = sram.alloc_at(30, 2)
nameless = at(40, 8)
at(50, 6).free()  # makes the peak higher than what is used
refused = sram.alloc(sram.free_frames)  # not in one piece: a search that fails
assert refused == physmem.OUT_OF_MEMORY, refused
