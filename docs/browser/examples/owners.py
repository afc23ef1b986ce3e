"""Who owns which frames, and who forgot to free some."""

import physmem

physmem.debug(owners=True)  # a tier that costs time and heap; it also keeps the names for the map
start = physmem.mark()

display = physmem.allocate_frames(40, region="psram", owner="display")
audio = physmem.dma_ring(8192, owner="audio")
with physmem.scope() as scope:  # all of them or none
    packets = [physmem.allocate_frames(2, region="sram", owner="network") for _ in range(12)]
    scope.keep()

for packet in packets[::2]:
    packet.free()
audio.free()

forgotten = {}
for leak in physmem.leaks(start):
    forgotten[leak.owner] = forgotten.get(leak.owner, 0) + leak.count
print(sorted(forgotten.items()))  # -> [('display', 40), ('network', 12)]
