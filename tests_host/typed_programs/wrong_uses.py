"""Mistakes that the type checker must report, each where and with the code that its comment says: nothing runs this."""

import physmem
import physmem_claim
import physmem_debug

physmem.allocate_frames("3")  # error: arg-type
physmem.allocate_frames(3, 4096)  # error: call-arg
physmem.allocate_frames(3, aligned=4096)  # error: call-arg
physmem.allocate_frames()  # error: call-arg
physmem.allocate_frames(3, require=["DMA"])  # error: arg-type
physmem.allocate_frames(3, region=0)  # error: arg-type
physmem.allocate_frames(3, zero=1)  # error: arg-type
physmem.allocate_frames(2.5)  # error: arg-type
physmem.dma_ring(4096, "adc")  # error: call-arg
physmem.retain("log", 1024, 4096)  # error: call-arg
physmem.retain(b"log", 1024)  # error: arg-type
physmem.allocate_frames_deferred(3).free()  # error: attr-defined
physmem.boot_in_heap(65536, 1024)  # error: call-arg
physmem.debug(True)  # error: call-arg
physmem.init([(0x20000000,)])  # error: list-item
physmem.init([("a", 0x20000000, "4096")])  # error: list-item
physmem.boot(object())  # error: arg-type
physmem.add_region("more")  # error: call-overload
physmem.find("sram")  # error: arg-type
physmem.find(0).region  # error: union-attr
physmem.inspect_then_allocate(lambda region, first: None)  # error: arg-type, misc
physmem.on_low("sram", 4, 5)  # error: arg-type
physmem.map(print, print)  # error: arg-type
physmem.code_name("OutOfMemory")  # error: arg-type
physmem.alocate_frames(1)  # error: attr-defined
physmem.stats()["sram"]["unused"]  # error: typeddict-item
physmem.DMA = 2  # error: misc
physmem.PAGE_SIZE = 8192  # error: misc
frames = physmem.allocate_frames(1)
frames.addr = 0  # error: misc
frames.resize(2, True)  # error: call-arg
frames.merge(None)  # error: arg-type
frames.size  # error: attr-defined
if frames.state == "retained":  # error: comparison-overlap
    pass
memoryview(frames)  # error: arg-type
sram = physmem.region("sram")
sram.alloc(n=1)  # error: call-arg
sram.alloc()  # error: call-arg
sram.alloc(1, 2)  # error: call-arg
sram.free("1")  # error: arg-type
sram.alloc(1).free()  # error: attr-defined
sram.free_frames = 0  # error: misc
physmem.retained()[0].size  # error: attr-defined
physmem.allocations()[0].owners  # error: attr-defined
with physmem.scope() as scope:
    scope.keep(1)  # error: arg-type
try:
    pass
except physmem.PhysMemError as error:
    if error.code == "OUT_OF_MEMORY":  # error: comparison-overlap
        pass
physmem.BuddyAllocator(4096, 16, True)  # error: call-overload
buddy = physmem.BuddyAllocator(4096, 16)
buddy.dealloc_pages(buddy.alloc_pages(4), 4)  # error: arg-type
physmem.PageOrder.new(3).pages()  # error: union-attr
physmem.PhysAddr(4096) < physmem.PageOrder(2)  # error: operator
physmem.PhysicalMemoryRegion(physmem.FrameRange(3, 2), "Busy")  # error: arg-type
physmem_claim.boot("96 KiB")  # error: arg-type
physmem_debug.owner()  # error: call-arg
physmem_debug.statistics("sram")  # error: arg-type
