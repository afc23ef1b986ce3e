"""Find out at start-up why the board was reset. `make run` sends this file twice, as if it were the main.py of a board
that crashes the first time."""

import time

import machine
import physmem

log = physmem.retain("crash log", 4096, prefer="FAST")
print("retain('crash log') -> %d bytes at %#x, fresh: %s" % (log.nbytes, log.addr, log.fresh))
if log.fresh:
    text = b"the display did not respond\0"  # behind it is whatever was in the memory before
    log.view[: len(text)] = text
    camera = physmem.dma_ring(4096).map()
    print("camera ring         -> %#x, mapped: hardware owns it" % camera.addr)
    scratch = physmem.allocate_frames(20)
    print("scratch             -> %#x, free again after the reset" % scratch.addr)
    print("reset: SYSRESETREQ\n")
    time.sleep_ms(50)  # a USB serial port needs time to send what was printed
    machine.mem32[0xE000ED0C] = 0x05FA0004
else:
    print("the log says        -> %s" % bytes(log.view).split(b"\0", 1)[0].decode())
    for frames in physmem.quarantined():
        print("still mapped        -> %s" % frames)
        frames.unmap().free()
    print("used besides the log and the records: %d frames" % (physmem.stats()[None]["used"] - log.count))
    assert physmem.check() == physmem.dropped() == []
    assert physmem.stats()[None]["used"] == log.count
    physmem.release("crash log")
