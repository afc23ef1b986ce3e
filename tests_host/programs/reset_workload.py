"""The program that a board runs in test_resets.py: work until a reset, and report on the memory afterwards.

`work` makes random calls endlessly and keeps a journal of those that a reset must not undo. It prints a line before
each such call,

    retain NAME NBYTES, again NAME NBYTES, write NAME VERSION, release NAME, map NAME, unmap NAME,
    hand ADDR COUNT (frames without a name to hardware), take ADDR (from hardware)

and a line after it, ``=`` with the result, or ``= none`` if there was no memory or no record for it. All other calls
use memory that no reset may leave allocated.
"""

import hashlib
import random
import sys

NAMES = ("a", "log", "crash.log", "frame_buffer", "0123456789abcdefghijklmnopqrstuv", "x-1", "x-2", "x-3", "q", "Q")
PERIOD = 251  # bytes after which a content repeats: a prime, so that no two frames of it are equal
LARGEST = 40000  # bytes retained under a name, at most
MOST_RAW = 60
MOST_OWNERS = 20
AIRCR = 0xE000ED0C
SYSTEM_RESET = 0x05FA0004


def period(name, version):
    """Return the bytes that the content of `name` repeats, in that version."""
    blocks = [hashlib.sha256(("%s %d %d" % (name, version, i)).encode()).digest() for i in range(8)]
    return b"".join(blocks)[:PERIOD]


def report():
    """Print the memory as JSON.

    It has the sentences of check() and dropped(), the names with the checksums of their contents, the frames that
    hardware owns, and everything that is allocated.
    """
    import binascii
    import json

    import physmem
    from uctypes import bytearray_at

    names = []
    for kept in physmem.retained():
        crc = binascii.crc32(bytearray_at(kept.addr, kept.nbytes))
        names.append((kept.name, kept.addr, kept.nbytes, kept.resets, kept.mapped, crc))
    handed = [(frames.addr, frames.count, frames.state, frames.fresh) for frames in physmem.quarantined()]
    allocated = []
    unoccupied = 0
    for region in physmem.regions():
        if region.attrs & physmem.RESERVED:
            unoccupied += region.free_frames
            continue
        for first, count, is_free in region.runs():
            if not is_free:
                allocated.append((region.addr(first), count))
    print(
        json.dumps(
            {
                "wrong": physmem.check(),
                "dropped": physmem.dropped(),
                "names": names,
                "handed": handed,
                "allocated": allocated,
                "unoccupied": unoccupied,
            }
        )
    )


class Workload:
    """The random calls.

    `version` is the version of the next content. After `countdown` calls of the journal, and `ticks` of the timer more,
    the board resets itself; if `countdown` is 0, it does not.
    """

    def __init__(self, version, countdown, ticks):
        import machine
        import physmem

        self.machine = machine
        self.physmem = physmem
        self.version = version
        self.countdown = countdown
        self.ticks = ticks
        # The names of the regions that hand out memory.
        self.regions = [region.name for region in physmem.regions() if not region.attrs & physmem.RESERVED]
        self.raw = []  # (region, first frame)
        self.owners = []
        self.handed = physmem.quarantined()
        self.nbytes = {}
        self.named = {}  # name -> its owner; None if this run has not asked for it again since the reset
        for kept in physmem.retained():
            self.nbytes[kept.name] = kept.nbytes
            self.named[kept.name] = None
        self.steps = (
            self.retain_or_release,
            self.retain_or_release,
            self.write,
            self.map_or_unmap,
            self.hand_or_take,
            self.hand_or_take,
            self.make_raw_calls,
            self.split_and_merge,
        )

    def begin(self, *words):
        self.countdown -= 1
        print(*words)
        if self.countdown == 0:
            if sys.platform == "pyboard":  # QEMU's STM32 timers are late after a system reset
                self.reset(None)
            timer = self.machine.Timer
            timer(0, mode=timer.ONE_SHOT, period=self.ticks, tick_hz=1000000, callback=self.reset, hard=True)

    def reset(self, timer):
        """Reset the board; a hard callback."""
        self.machine.mem32[AIRCR] = SYSTEM_RESET
        while True:
            pass

    def end(self, *words):
        print("=", *words)

    def owner(self, name):
        """Return the owner of the frames of that name. Ask for them again if this run has not done so yet."""
        if self.named[name] is None:
            self.begin("again", name, self.nbytes[name])
            frames = self.physmem.retain(name, self.nbytes[name])
            self.end(frames.addr, int(frames.fresh))
            self.named[name] = frames
        return self.named[name]

    def retain_or_release(self):
        name = random.choice(NAMES)
        if name not in self.nbytes:
            nbytes = random.choice((random.randrange(1, 500), random.randrange(1, 9000), random.randrange(1, LARGEST)))
            region = random.choice([None] + self.regions)
            self.begin("retain", name, nbytes)
            try:
                frames = self.physmem.retain(name, nbytes, region=region, align=random.choice((0, 16384)))
            except MemoryError:
                self.end("none")
                return
            self.end(frames.addr, int(frames.fresh))
            self.nbytes[name] = nbytes
            self.named[name] = frames
        elif random.randrange(2):
            frames = self.named[name]
            if self.is_mapped(name):
                return
            self.begin("release", name)
            if frames is not None and random.randrange(2):
                frames.free()
            else:
                self.physmem.release(name)
            self.end()
            del self.nbytes[name]
            del self.named[name]

    def is_mapped(self, name):
        return [kept.mapped for kept in self.physmem.retained() if kept.name == name][0]

    def write(self):
        if not self.nbytes:
            return
        name = random.choice(list(self.nbytes))
        nbytes = self.nbytes[name]
        view = self.owner(name).view
        self.version += 1
        text = period(name, self.version)
        self.begin("write", name, self.version)
        done = min(nbytes, PERIOD)
        view[:done] = text[:done]
        while done < nbytes:
            more = min(done, nbytes - done)
            view[done : done + more] = view[:more]
            done += more
        self.end()

    def map_or_unmap(self):
        if not self.nbytes:
            return
        name = random.choice(list(self.nbytes))
        frames = self.owner(name)
        if frames.state == self.physmem.MAPPED:
            self.begin("unmap", name)
            frames.unmap()
        else:
            self.begin("map", name)
            try:
                frames.map()
            except MemoryError:
                self.end("none")
                return
        self.end()

    def hand_or_take(self):
        if len(self.handed) < random.randrange(10):
            n = random.randrange(1, 40)
            try:
                frames = self.physmem.allocate_frames(n, region=random.choice([None] + self.regions))
            except MemoryError:
                return
            self.begin("hand", frames.addr, frames.count)
            try:
                frames.map()
            except MemoryError:
                self.end("none")
                frames.free()
                return
            self.end()
            self.handed.append(frames)
        elif self.handed:
            frames = self.handed.pop(random.randrange(len(self.handed)))
            self.begin("take", frames.addr)
            frames.unmap()
            self.end()
            frames.free()

    def make_raw_calls(self):
        for _ in range(random.randrange(20)):
            if len(self.raw) < random.randrange(MOST_RAW):
                region = self.physmem.region(random.choice(self.regions))
                n = random.choice((1, 1, 2, 3, 8, 33, 70))
                frame = region.alloc_aligned(n, 4) if random.randrange(4) == 0 else region.alloc(n)
                if frame >= 0:
                    self.raw.append((region, frame))
            elif self.raw:
                region, frame = self.raw.pop(random.randrange(len(self.raw)))
                assert region.free(frame) > 0

    def split_and_merge(self):
        if len(self.owners) < random.randrange(MOST_OWNERS):
            try:
                self.owners.append(self.physmem.allocate_frames(random.randrange(1, 50)))
            except MemoryError:
                pass
        elif self.owners:
            frames = self.owners.pop(random.randrange(len(self.owners)))
            first, second = frames.split_at(random.randrange(frames.count + 1))
            if random.randrange(2):
                first.merge(second).free()
            else:
                self.owners.append(first)
                second.free()

    def run(self):
        while True:
            random.choice(self.steps)()


def work(seed, version, countdown=0, ticks=0):
    """Make random calls until a reset or Ctrl-C ends them."""
    random.seed(seed)
    Workload(version, countdown, ticks).run()
