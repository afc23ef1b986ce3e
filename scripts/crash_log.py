"""A program that finds out, when it starts, why it had to: scripts/run.py sends it twice, as if it were the main.py of
a board that crashes the first time."""

import time

import machine
import physmem

log = physmem.retain("crash log", 4096, region="sram")
print("retain('crash log') -> %d bytes at %#x, fresh: %s" % (log.nbytes, log.addr, log.fresh))
if log.fresh:
    text = b"the display's driver got no answer"
    log.view[: len(text)] = text
    camera = physmem.dma_ring(16 * 1024).map()
    print("camera ring         -> %#x, in the hands of hardware" % camera.addr)
    scratch = physmem.allocate_frames(20)
    print("scratch             -> %#x, nobody will miss it" % scratch.addr)
    print("reset: SYSRESETREQ\n")
    time.sleep_ms(50)  # where the serial port is USB, what was printed is on its way
    machine.mem32[0xE000ED0C] = 0x05FA0004
else:
    print("it says             -> %s" % bytes(log.view).split(b"\0")[0].decode())
    for frames in physmem.quarantined():
        print("still with hardware -> %s" % frames)
        frames.unmap().free()
    print("used besides the log and its records: %d frames" % (physmem.stats()[None]["used"] - log.count))
    assert physmem.check() == physmem.dropped() == []
    assert physmem.stats()[None]["used"] == log.count
    physmem.release("crash log")
