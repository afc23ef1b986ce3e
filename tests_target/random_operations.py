"""Random operations of the whole public API on a small system, each compared with the model.

`choose(bound)` decides everything: an integer of 0 .. `bound` - 1, from a seeded generator or from hypothesis. The
system has regions of several frame sizes. Some lie in heap memory, where the contents are checked. Others lie at high
addresses without memory, where nothing is touched and every address is a big integer.
"""

import sys

import micropython
from model import Model
from snapshot import of_region
from support import upkeep
from uctypes import addressof, bytearray_at

_LIVE_AT_MOST = 60  # allocations
_HIGH = 0xC0000000
_WINDOW = 0xD0000000
_ADDED = 0xE0000000  # of the region that comes and goes
_UNKNOWN_FRAMES = 10  # between the end of the window and the next region
_FRAME = 4096
_ADDRESS_LIMIT = 1 << 32 if sys.maxsize < 1 << 32 else 1 << 52  # Arm's physical addresses: 32 bits, 52 on 64-bit hosts


class Mistake(Exception):
    """The library did something other than the model says."""


def expect(truth, *what):
    if not truth:
        raise Mistake(" ".join([str(part) for part in what]))


class Owned:
    """A live allocation of the model and its AllocatedFrames, or None if a raw call made it; the scope that frees
    it."""

    def __init__(self, allocation, frames):
        self.allocation = allocation
        self.frames = frames
        self.scope = None


class RandomOperations:
    """One system of `physmem`, a module in which nothing was initialized, and its model.

    The memory starts at a multiple of `alignment` bytes. If that is larger than every alignment and boundary requested,
    the same choices lead to the same outcome wherever the heap is.
    """

    def __init__(self, physmem, choose, alignment=1):
        self.physmem = physmem
        self.choose = choose
        self.live = []
        self.ended = []  # AllocatedFrames that were freed, split or merged
        self.scope = None  # the innermost that is open
        self.pair = None  # what a call under a locked heap returned, and the code that refused it
        self.code = None
        self.granted = 0
        self.refused = 0
        p = physmem
        layout = (
            ("fast", 24, 256, p.DMA | p.FAST),
            ("plain", 40, 64, 0),
            ("dma", 70, 32, p.DMA),
            ("external", 33, 512, p.DMA | p.EXTERNAL | p.CACHED),
        )
        self.memory = bytearray(alignment + sum([(frames + 1) * frame_size for _, frames, frame_size, _ in layout]))
        addr = addressof(self.memory)
        addr += -addr % alignment
        entries = []
        for name, frames, frame_size, attrs in layout:
            addr += -addr % frame_size
            entries.append((name, addr, frames * frame_size, frame_size, attrs))
            addr += frames * frame_size
        self.backed = [entry[0] for entry in entries]
        entries.append(("high", _HIGH + 3 * _FRAME, 37 * _FRAME, _FRAME, p.EXTERNAL | p.RETAINED))
        beyond = _WINDOW + (4 + _UNKNOWN_FRAMES) * _FRAME
        entries.append(("beyond", beyond, 9 * _FRAME, _FRAME, p.SHARED | p.DMA))
        sys.modules["physmem_system"]._held += (self.memory,)
        p.init(entries, [("window", _WINDOW, 4 * _FRAME)])
        self.model = Model(p.regions(), p.RESERVED, _ADDRESS_LIMIT)
        self.operations = (
            (12, self.allocate),
            (4, self.allocate_bytes),
            (2, self.ring),
            (4, self.deferred),
            (4, self.at),
            (5, self.raw_allocate),
            (2, self.raw_free),
            (2, self.inspect),
            (14, self.free),
            (3, self.split_at),
            (3, self.split_range),
            (6, self.merge),
            (4, self.map_or_unmap),
            (5, self.resize),
            (2, self.scattered),
            (2, self.free_by_address),
            (3, self.find),
            (2, self.scoped),
            (2, self.add_or_remove),
            (2, self.use_an_ended_one),
            (1, self.statistics),
        )
        self.weights = sum([weight for weight, _ in self.operations])

    # Choices.

    def one_of(self, items):
        return items[self.choose(len(items))]

    def size(self):
        """Return a number of frames: mostly small."""
        kind = self.choose(16)
        if kind < 10:
            return 1 + self.choose(4)
        if kind < 15:
            return 1 + self.choose(20)
        return self.one_of((0, -1, 33, 40, 64, 70, 71, 1000, 1 << 29, 1 << 33))

    def attributes(self):
        p = self.physmem
        return self.one_of((0, 0, 0, 0, p.DMA, p.FAST, p.EXTERNAL, p.DMA | p.EXTERNAL, p.SHARED, p.RETAINED))

    def region(self):
        """Return a region of the model that is not reserved."""
        return self.one_of([region for region in self.model.regions if not region.reserved])

    def constraints(self):
        """Return a dict of some of the keyword arguments of allocate_frames."""
        keywords = {}
        choose = self.choose
        if choose(3) == 0:
            keywords["align"] = 1 << choose(18) if choose(16) else self.one_of((3, -4, 1 << 33, 96))
        if choose(4) == 0:
            keywords["boundary"] = 1 << (5 + choose(13)) if choose(16) else self.one_of((3, -64, 1 << 40))
        if choose(4) == 0:
            region = self.region()
            keywords["low"] = region.base + choose(region.frames) * region.frame_size + self.one_of((0, 0, 1, 17))
            if choose(2):
                span = (1 + choose(region.frames)) * region.frame_size
                keywords["high"] = keywords["low"] + (span if choose(16) else -span)
        if choose(3) == 0:
            keywords["require"] = self.attributes()
        if choose(3) == 0:
            keywords["prefer"] = self.attributes()
        if choose(4) == 0:
            keywords["forbid"] = self.attributes()
        if choose(5) == 0:
            keywords["region"] = self.region().name if choose(10) else "nowhere"
        if choose(3) == 0:
            keywords["owner"] = self.one_of(("display", "camera"))
        if choose(8) == 0:
            keywords["region"] = self.one_of(self.backed)  # where zeros can be written
            keywords["zero"] = True
        return keywords

    # Calls and what they return.

    def attempt(self, function, *arguments, **keywords):
        """Call and return ``(result, None)``, or ``(None, code)``; "" is the code of MemoryError."""
        try:
            result = function(*arguments, **keywords)
        except MemoryError:
            self.refused += 1
            return None, ""
        except self.physmem.PhysMemError as error:
            expect(str(error), "an error without a message")
            self.refused += 1
            return None, error.code
        self.granted += 1
        return result, None

    def enter(self, frames, region, first, count, owner, nbytes=None, zero=False):
        """Compare what an allocating call returned with the model, and enter it. `nbytes` is None if whole frames were
        asked for."""
        expect(frames.state == self.physmem.ALLOCATED, "state", frames.state)
        expect(frames.region is self.physmem.region(region.name), "region", frames.region)
        expect(frames.owner == owner, "owner", frames.owner)
        expect((frames.first, frames.count, len(frames)) == (first, count, count), frames, first, count)
        expect(frames.addr == region.base + first * region.frame_size, "address", frames)
        capacity = count * region.frame_size
        slack = 0 if nbytes is None else capacity - nbytes
        expect((frames.nbytes, frames.capacity) == (capacity - slack, capacity), "bytes", frames, frames.nbytes)
        if zero:
            expect(not any(bytearray_at(frames.addr, capacity)), "not zeros:", frames)
        self.live.append(Owned(self.model.allocated(region, first, count, owner, slack), frames))
        self.live[-1].scope = self.scope
        self.write(self.live[-1])

    def marks(self, owned):
        """Return the view of the frames and the positions in it that are checked; none for regions without memory."""
        allocation = owned.allocation
        if owned.frames is None or allocation.count == 0 or allocation.region.name not in self.backed:
            return None, ()
        frame_size = allocation.region.frame_size
        positions = []
        for i in range(allocation.count):
            positions.append(i * frame_size)
            positions.append(min(i * frame_size + frame_size, allocation.nbytes) - 1)
        return owned.frames.view, positions

    def write(self, owned):
        view, positions = self.marks(owned)
        for position in positions:
            view[position] = owned.allocation.token

    def read(self, owned):
        view, positions = self.marks(owned)
        for position in positions:
            expect(view[position] == owned.allocation.token, "contents of", owned.frames, "at", position)

    def take(self, owned):
        self.live.remove(owned)
        if owned.frames is not None:
            self.ended.append(owned.frames)
            if len(self.ended) > 20:
                self.ended.pop(0)

    # Operations.

    def one(self):
        """Do one random operation."""
        if len(self.live) >= _LIVE_AT_MOST:
            self.free()
            return
        i = self.choose(self.weights)
        for weight, operation in self.operations:
            i -= weight
            if i < 0:
                operation()
                return

    def allocate(self):
        n = self.size()
        keywords = self.constraints()
        frames, code = self.attempt(self.physmem.allocate_frames, n, **keywords)
        self.judge(frames, code, n, None, keywords)

    def allocate_bytes(self):
        nbytes = self.one_of((0, -5, 1, 31, 32, 33)) if self.choose(8) == 0 else 1 + self.choose(9000)
        keywords = self.constraints()
        frames, code = self.attempt(self.physmem.allocate_frames_by_bytes, nbytes, **keywords)
        self.judge(frames, code, None, nbytes, keywords)

    def ring(self):
        nbytes = 16 << self.choose(11) if self.choose(8) else self.one_of((0, 3, -8, 96))
        frames, code = self.attempt(self.physmem.dma_ring, nbytes)
        if nbytes <= 0 or nbytes & (nbytes - 1):
            wanted = "ZeroAllocation" if nbytes == 0 else "InvalidArgument" if nbytes < 0 else "UnalignedAddress"
            expect(code == wanted, "a ring of", nbytes, "bytes:", code)
            return
        keywords = {"align": nbytes, "require": self.physmem.DMA, "prefer": self.physmem.FAST}
        self.judge(frames, code, None, nbytes, keywords)

    def deferred(self):
        """Allocate deferred: the frames are usable at once and the action does its work once; sometimes with the heap
        locked."""
        if self.choose(3) == 0:
            addr, n, nbytes = self.place()
            unknown = self.choose(4) > 0
            if nbytes is None:
                pair, code = self.attempt(self.physmem.allocate_frames_deferred, n, addr, unknown=unknown)
            else:
                pair, code = self.attempt(self.physmem.allocate_frames_by_bytes_deferred, nbytes, addr, unknown=unknown)
            frames = pair and pair[0]
            self.judge_at(frames, code, addr, n, nbytes, None, unknown)
        else:
            n = self.size()
            keywords = self.constraints()
            if self.choose(2) and self.scope is None:  # a scope needs heap for what it is told
                keywords = {}
                micropython.heap_lock()
                try:
                    self.attempt_locked(n)
                finally:
                    micropython.heap_unlock()
                pair, code = self.pair, self.code
            else:
                pair, code = self.attempt(self.physmem.allocate_frames_deferred, n, **keywords)
            frames = pair and pair[0]
            self.judge(frames, code, n, None, keywords)
        if pair:
            action = pair[1]
            action.commit()  # if the scheduler has not done it
            expect(not action.pending and action.commit() is False, "an action is committed once")

    def attempt_locked(self, n):
        """Call allocate_frames_deferred(n) with the heap locked and set `pair` or `code`: returning a result would need
        heap."""
        self.pair = self.code = None
        try:
            self.pair = self.physmem.allocate_frames_deferred(n)
        except MemoryError:
            self.code = ""
        except self.physmem.PhysMemError as error:
            self.code = error.code

    def judge(self, frames, code, n, nbytes, keywords):
        """Compare the outcome of a request for frames anywhere with the model."""
        model = self.model
        request = ("request", n, nbytes, keywords)
        constraints = {}
        for name in ("align", "boundary", "low", "high"):
            if name in keywords:
                constraints[name] = keywords[name]
        require, prefer, forbid = [keywords.get(name, 0) for name in ("require", "prefer", "forbid")]
        mistake = model.refusal(
            nbytes if n is None else n, require=require, prefer=prefer, forbid=forbid, **constraints
        )
        suitable = []
        if mistake is None:
            suitable = model.suitable(require, forbid, keywords.get("region"))
            if not suitable:
                mistake = "InvalidArgument"

        def count_in(region):
            return (nbytes + region.frame_size - 1) // region.frame_size if n is None else n

        boundary = keywords.get("boundary", 0)
        tried = [region for region in suitable if not boundary or boundary >= count_in(region) * region.frame_size]
        if mistake is None and not tried:
            mistake = "SizeMismatch"
        able = [] if mistake else model.able(tried, count_in, **constraints)
        if mistake is not None or not able:
            expect(code == (mistake or ""), *(("refused with", code, "instead of", mistake or "MemoryError") + request))
        else:
            expect(code is None, *(("refused with", code, "although", able[0].name, "has a place") + request))
            region = model.named(frames.region.name)
            expect(region in able, *(("granted in", region.name) + request))
            favoured = model.favoured(able, require, prefer, forbid)
            expect(region in favoured, *(("there is a better region than", region.name) + request))
            count = count_in(region)
            expect(region.meets(frames.first, count, **constraints), *((frames,) + request))
            self.enter(frames, region, frames.first, count, keywords.get("owner"), nbytes, "zero" in keywords)
        # Each region that was searched in vain counts one failed request. Those too small for the request do not.
        for region in model.regions:
            counted = self.physmem.region(region.name).failed - region.failed
            may_count = region in tried and region not in able and count_in(region) <= region.frames
            if code is None:
                expect(counted == 0 or (counted == 1 and may_count), *(("failed of", region.name) + request))
            else:
                expect(counted == (1 if may_count and not mistake else 0), *(("failed of", region.name) + request))
            region.failed += counted

    def place(self):
        """Return an address and a size: in a region, in the window and the unknown frames after it, or nowhere."""
        kind = self.choose(8)
        if kind < 4:
            region = self.region()
            addr = region.base + self.choose(region.frames * region.frame_size)
        elif kind < 7:
            addr = _WINDOW + self.choose((4 + _UNKNOWN_FRAMES) * _FRAME)
        else:
            addr = self.one_of((-1, -_FRAME, self.model.address_limit - _FRAME, self.model.address_limit, 1 << 70))
            if addr == self.model.address_limit - _FRAME:
                return addr, 2, None  # the frame itself could be allocated, and the system would grow
        if self.choose(2):
            return addr, self.size() if self.choose(8) == 0 else 1 + self.choose(3), None
        return addr, None, self.one_of((0, -1)) if self.choose(16) == 0 else 1 + self.choose(2 * _FRAME)

    def at(self):
        addr, n, nbytes = self.place()
        unknown = self.choose(4) > 0
        keywords = {"owner": "somebody", "unknown": unknown}
        if nbytes is None:
            frames, code = self.attempt(self.physmem.allocate_frames_at, addr, n, **keywords)
        else:
            frames, code = self.attempt(self.physmem.allocate_frames_by_bytes_at, addr, nbytes, **keywords)
        self.judge_at(frames, code, addr, n, nbytes, "somebody", unknown)

    def judge_at(self, frames, code, addr, n, nbytes, owner, unknown):
        """Compare the outcome of a request for frames at an address with the model."""
        codes = self.model.refusal_at(addr, n, nbytes, unknown)
        if codes:
            expect(code in codes, "at", addr, n, nbytes, "refused with", code, "instead of", codes)
            return
        expect(code is None, "at", addr, n, nbytes, "refused with", code)
        _, _, count = self.model.frames_at(addr, n, nbytes)
        region = self.model.make_room_at(addr, count)
        if nbytes is not None:
            nbytes += addr % region.frame_size
        self.enter(frames, region, (addr - region.base) // region.frame_size, count, owner, nbytes)

    def raw_allocate(self):
        """Make a raw call: it returns a frame of a place that fits, or the documented code.

        If two reasons for a refusal hold at once, either code is right.
        """
        p = self.physmem
        model_region = self.region()
        region = p.region(model_region.name)
        n = self.size()
        align = 1
        codes = []
        if n == 0:
            codes.append(p.ZERO_ALLOCATION)
        elif n < 0 or n > model_region.frames:
            codes.append(p.ALLOCATION_TOO_LARGE)
        kind = self.choose(3)
        if kind == 2:
            frame = self.choose(model_region.frames + 2) if self.choose(16) else -1
            answer = region.alloc_at(frame, n)
            if frame < 0 or frame + n > model_region.frames:
                codes.append(p.ADDRESS_OUT_OF_RANGE)
            if not codes and not model_region.is_free(frame, n):
                codes.append(p.ADDRESS_NOT_FREE)
            expect(codes or answer == frame, "alloc_at", frame, n, "returned", answer)
        else:
            if kind == 1:
                align = 1 << self.choose(8) if self.choose(16) else 6
                if align == 6:
                    codes.append(p.UNALIGNED_ADDRESS)
                answer = region.alloc_aligned(n, align)
            else:
                answer = region.alloc(n)
            if not codes and not model_region.has_place(n, align * model_region.frame_size):
                codes.append(p.OUT_OF_MEMORY)
                model_region.failed += 1
        if codes:
            expect(answer in codes, "raw allocation of", n, align, "returned", answer, "instead of", codes)
            self.refused += 1
            return
        expect(answer >= 0 and model_region.meets(answer, n, align * model_region.frame_size), "raw", n, align, answer)
        self.granted += 1
        self.live.append(Owned(self.model.allocated(model_region, answer, n), None))

    def raw_free(self):
        """Free, by a raw call, a frame where no allocation starts: it is refused and changes no byte."""
        p = self.physmem
        model_region = self.region()
        region = p.region(model_region.name)
        frame = self.choose(model_region.frames + 3) - 1
        before = of_region(region)
        if not 0 <= frame < model_region.frames:
            frame = self.one_of((frame, frame, frame + (1 << 20), frame - (1 << 32), 1 << 64))
            expect(region.free(frame) == p.ADDRESS_OUT_OF_RANGE, "free of", frame, "beyond")
        elif not self.model.start_at(model_region, frame):
            expect(region.free(frame) == p.NOT_ALLOCATED, "free of", frame, "where nothing starts")
            expect(region.free(frame + (1 << 32)) == p.ADDRESS_OUT_OF_RANGE, "free of a wide number")
        else:
            self.free_raw_ones()
            return
        self.refused += 1
        expect(of_region(region) == before, "a refused free changed the state")

    def free_raw_ones(self):
        """Free one of the raw allocations."""
        raw = [owned for owned in self.live if owned.frames is None]
        if raw:
            self.end(self.one_of(raw))

    def inspect(self):
        """Inspect: the chooser sees the free runs of the model, in order, and gets what it picks."""
        p = self.physmem
        runs = []
        for region in self.model.regions:
            if not region.reserved:
                runs.extend([(region, first, count) for first, count in region.free_runs()])
        target = self.choose(len(runs) + 2)
        stop = self.choose(4) == 0
        offset, extra = self.choose(4), self.choose(6)
        seen = []

        def chooser(region, first, count):
            seen.append((region.name, first, count))
            if len(seen) != target + 1:
                return None
            return p.STOP if stop else (first + offset, extra)

        frames, code = self.attempt(p.inspect_then_allocate, chooser, owner="inspector")
        expected = [(region.name, first, count) for region, first, count in runs[: target + 1]]
        expect(seen == expected, "inspect showed", seen, "instead of", expected)
        if stop or target >= len(runs):
            expect(frames is None and code is None, "nothing was picked, and there is", frames, code)
            return
        region, first, count = runs[target]
        if extra == 0:
            expect(code == "ZeroAllocation", "a pick of no frames:", code)
        elif offset + extra > count:
            expect(code == "AddressOutOfRange", "a pick outside of the run:", code)
        else:
            expect(code is None, "a pick was refused:", code)
            self.enter(frames, region, first + offset, extra, "inspector")

    def free(self):
        if self.live:
            self.end(self.one_of(self.live))

    def end(self, owned):
        """Free a live allocation in the way it was made. Mapped ones refuse and are unmapped first."""
        allocation, frames = owned.allocation, owned.frames
        self.read(owned)
        if frames is None:
            region = self.physmem.region(allocation.region.name)
            expect(region.free(allocation.first) == allocation.count, "raw free of", allocation.first)
        else:
            if allocation.mapped:
                expect(self.attempt(frames.free)[1] == "NotPermitted", "mapped frames were freed")
                expect(frames.unmap() is frames and frames.state == self.physmem.UNMAPPED, "unmap")
                self.read(owned)
            if self.choose(4):
                expect(frames.free() == allocation.count, "free of", frames)
            else:
                with frames:
                    pass
            expect(frames.state == self.physmem.FREED, "state", frames.state)
        self.granted += 1
        self.model.freed(allocation)
        self.take(owned)

    def some_owned(self):
        owned = [owned for owned in self.live if owned.frames is not None]
        return self.one_of(owned) if owned else None

    def split_at(self):
        owned = self.some_owned()
        if owned:
            i = self.choose(owned.allocation.count + 3) - 1
            valid = 0 <= i <= owned.allocation.count
            parts, code = self.attempt(owned.frames.split_at, i)
            self.parted(owned, parts, code, "" if valid else "AddressOutOfRange", (i, owned.allocation.count - i))

    def split_range(self):
        owned = self.some_owned()
        if owned:
            count = owned.allocation.count
            i = self.choose(count + 3) - 1
            n = self.choose(count + 2)
            refusal = ""
            if n == 0:
                refusal = "ZeroAllocation"
            elif i < 0 or i + n > count:
                refusal = "AddressOutOfRange"
            parts, code = self.attempt(owned.frames.split_range, i, n)
            self.parted(owned, parts, code, refusal, (i, n, count - i - n))

    def parted(self, owned, parts, code, refusal, counts):
        """Compare the outcome of a split into `counts` frames with the model; `refusal` is its code, "" for none."""
        if owned.allocation.mapped:
            refusal = "NotPermitted"
        if refusal:
            expect(code == refusal, "a split of", owned.frames, counts, "was", code, "instead of", refusal)
            self.read(owned)
            return
        expect(code is None and len(parts) == len(counts), "a split of", owned.frames, counts, "was", code)
        expect(owned.frames.state == self.physmem.MOVED, "state", owned.frames.state)
        self.take(owned)
        for frames, allocation in zip(parts, self.model.split(owned.allocation, counts)):
            expect(frames.state == self.physmem.ALLOCATED and frames.owner == allocation.owner, "part", frames)
            expect((frames.first, frames.count) == (allocation.first, allocation.count), "part", frames)
            expect((frames.nbytes, frames.capacity) == (allocation.nbytes, allocation.capacity), "part", frames)
            part = Owned(allocation, frames)
            part.scope = owned.scope
            view, positions = self.marks(part)
            for position in positions:
                expect(view[position] == owned.allocation.token, "contents of the part", frames)
            self.write(part)
            self.live.append(part)

    def merge(self):
        one, other = self.some_owned(), self.some_owned()
        if one is None:
            return
        if self.choose(4):
            # Two random owners are rarely adjacent: take one that is, if there is one.
            for owned in self.live:
                if owned.frames is not None and self.model.can_merge(one.allocation, owned.allocation):
                    other = owned
                    break
        for owned in (one, other):
            self.read(owned)
        a, b = one.allocation, other.allocation
        merged, code = self.attempt(one.frames.merge, other.frames)
        if a.mapped or b.mapped:
            expect(code == "NotPermitted", "a merge of mapped frames was", code)
        elif not self.model.can_merge(a, b):
            expect(code == "InvalidArgument", "a merge of frames that are not adjacent was", code)
        else:
            expect(code is None and merged is one.frames, "a merge was", code)
            self.model.merged(a, b)
            self.take(other)
            expect(other.frames.state == self.physmem.MOVED, "state", other.frames.state)
            expect((merged.first, merged.count, merged.nbytes) == (a.first, a.count, a.nbytes), "merged", merged)
            self.write(one)

    def map_or_unmap(self):
        owned = self.some_owned()
        if owned is None:
            return
        frames, allocation = owned.frames, owned.allocation
        wrong, right = (frames.map, frames.unmap) if allocation.mapped else (frames.unmap, frames.map)
        if self.choose(2):
            expect(self.attempt(wrong)[1] == "NotPermitted", "mapped or unmapped twice")
        else:
            expect(right() is frames, "map and unmap return the frames")
            allocation.mapped = not allocation.mapped
            expect(frames.state == (self.physmem.MAPPED if allocation.mapped else self.physmem.UNMAPPED), frames.state)

    def resize(self):
        """Resize where the frames are: as the model says, or refused and unchanged. What stays keeps its content."""
        owned = self.some_owned()
        if owned is None:
            return
        frames, allocation = owned.frames, owned.allocation
        count, frame_size = allocation.count, allocation.region.frame_size
        zero = self.choose(2) == 0 and allocation.region.name in self.backed
        n, slack = self.size(), 0
        if self.choose(2):
            n = min(n, 1000)
            slack = self.choose(frame_size) if n > 0 else 0
            resized, code = self.attempt(frames.resize_by_bytes, n * frame_size - slack, zero=zero)
        else:
            resized, code = self.attempt(frames.resize, n, zero=zero)
        refusals = []  # if two reasons hold at once, either is right
        if n <= 0:
            refusals.append("InvalidArgument" if n else "ZeroAllocation")
        if not count:
            refusals.append("ZeroAllocation")
        if allocation.mapped:
            refusals.append("NotPermitted")
        if not refusals and not self.model.can_resize(allocation, n):
            refusals.append("")
        if refusals:
            expect(code in refusals, "a resize of", frames, "to", n, "was", code, "instead of", refusals)
            self.read(owned)
            return
        expect(code is None and resized is frames, "a resize of", frames, "to", n, slack, "was", code)
        view, positions = self.marks(owned)
        view = frames.view if positions else view
        self.model.resized(allocation, n, slack)
        expect((frames.first, frames.count) == (allocation.first, n), "resized", frames)
        expect((frames.nbytes, frames.capacity) == (allocation.nbytes, allocation.capacity), "resized", frames)
        for position in positions:
            if position < len(view):
                expect(view[position] == allocation.token, "contents of the resized", frames, "at", position)
        if zero and n > count:
            added = bytearray_at(frames.addr + count * frame_size, (n - count) * frame_size)
            expect(not any(added), "new frames are not zeros", frames)
        self.write(owned)

    def scattered(self):
        """Allocate in pieces: all of one region, as few as there are, or nothing."""
        n = self.size()
        keywords = {}
        for name in ("require", "prefer", "forbid"):
            if self.choose(3) == 0:
                keywords[name] = self.attributes()
        if self.choose(3) == 0:
            keywords["region"] = self.region().name if self.choose(10) else "nowhere"
        require, prefer, forbid = [keywords.get(name, 0) for name in ("require", "prefer", "forbid")]
        pieces, code = self.attempt(self.physmem.allocate_scattered, n, owner="pieces", **keywords)
        mistake = self.model.refusal(n, require=require, prefer=prefer, forbid=forbid)
        suitable = [] if mistake else self.model.suitable(require, forbid, keywords.get("region"))
        if not suitable:
            mistake = mistake or "InvalidArgument"
        able = [] if mistake else [region for region in suitable if region.frames - region.used >= n]
        if not able:
            expect(code == (mistake or ""), "scattered", n, keywords, code)
            return
        expect(code is None, "scattered", n, keywords, code, "although", able[0].name, "has so many")
        region = self.model.named(pieces[0].region.name)
        favoured = self.model.favoured(able, require, prefer, forbid)
        expect(region in favoured, "scattered", n, keywords, "in", region.name)
        expect(sum([frames.count for frames in pieces]) == n, "scattered", n, pieces)
        expect(len(pieces) == region.fewest_runs(n), "scattered", n, "in", len(pieces), "runs", region.free_runs())
        for frames in pieces:
            self.enter(frames, region, frames.first, frames.count, "pieces")

    def free_by_address(self):
        """Free what begins at an address, as if its owner were lost: refused if nothing does, or if it is mapped."""
        if self.live and self.choose(2):
            owned = self.one_of(self.live)
            allocation = owned.allocation
            if owned.scope is not None or not allocation.count:
                return
            freed, code = self.attempt(self.physmem.free_at, allocation.addr)
            if allocation.mapped:
                expect(code == "NotPermitted", "free_at of mapped frames was", code)
                self.read(owned)
                return
            expect((freed, code) == (allocation.count, None), "free_at", allocation.addr, freed, code)
            self.model.freed(allocation)
            self.live.remove(owned)
            return
        addr = self.an_address()
        region = self.model.region_at(addr)
        if region is not None:
            frame, offset = divmod(addr - region.base, region.frame_size)
            if not offset and self.model.start_at(region, frame):
                return
        expect(self.attempt(self.physmem.free_at, addr)[1] == "NotAllocated", "free_at of nothing", addr)

    def an_address(self):
        """Return an address in one of the regions, mostly the first of a frame; sometimes one that no region has."""
        if self.choose(10) == 0:
            return self.one_of((0, 1, _HIGH, _WINDOW - 1, 1 << 60))
        region = self.one_of(self.model.regions)
        addr = region.base + self.choose(region.frames) * region.frame_size
        return addr + self.choose(region.frame_size) if self.choose(3) == 0 else addr

    def find(self):
        """Ask what is at an address, or where frames are."""
        owned = self.some_owned() if self.choose(2) else None
        if owned is not None and owned.allocation.count:
            addr = owned.allocation.addr
            found = self.physmem.find(owned.frames)
        else:
            addr = self.an_address()
            found = self.physmem.find(addr)
        region = self.model.region_at(addr)
        if region is None:
            expect(found is None, addr, "is in", found)
            return
        frame = (addr - region.base) // region.frame_size
        expected = (region.name, frame, frame, 0, "free")
        for other in self.live:
            allocation = other.allocation
            if allocation.region is region and allocation.first <= frame < allocation.first + allocation.count:
                state = self.physmem.MAPPED if allocation.mapped else self.physmem.ALLOCATED
                expected = (region.name, frame, allocation.first, allocation.count, state)
        answer = (found.region.name, found.frame, found.first, found.count, found.state)
        expect(answer == expected and found.name is None, "find", addr, "is", answer, "instead of", expected)

    def scoped(self):
        """Do some operations in a scope and keep some frames: it frees exactly the others that were allocated in it.

        Parts of what was split in it go with what they are parts of. Mapped frames stay, and the scope says so.
        """
        around = self.scope
        scope = self.scope = self.physmem.scope()
        held = ""
        try:
            with scope:
                for _ in range(self.choose(6)):
                    self.one()
                mine = [owned for owned in self.live if owned.scope is scope]
                if mine and self.choose(3) == 0:
                    kept = self.one_of(mine)
                    scope.keep(kept.frames)
                    kept.scope = around
                elif self.choose(4) == 0:
                    scope.keep()
                    for owned in mine:
                        owned.scope = around
        except self.physmem.PhysMemError as error:
            held = error.code
        self.scope = around
        mine = [owned for owned in self.live if owned.scope is scope]
        mapped = [owned for owned in mine if owned.allocation.mapped]
        expect(held == ("NotPermitted" if mapped else ""), len(mapped), "mapped frames in a scope that ends:", held)
        for owned in mine:
            owned.scope = None
            if not owned.allocation.mapped:
                expect(owned.frames.state == self.physmem.FREED, "a scope has left", owned.frames)
                self.model.freed(owned.allocation)
                self.take(owned)

    def add_or_remove(self):
        """Add a region; or remove it, which is refused as long as something of it is in use or watches it."""
        p = self.physmem
        found = [region for region in self.model.regions if region.name == "added"]
        if not found:
            frames = 1 + self.choose(12)
            region, code = self.attempt(p.add_region, "added", _ADDED, frames * 256, 256, "DMA")
            expect(code is None and region is p.region("added") and region.frames == frames, "added", region, code)
            self.model.add("added", _ADDED, frames, 256, p.DMA)
            return
        is_watched = upkeep().is_watched(p.region("added"))
        code = self.attempt(p.remove_region, "added")[1]
        if found[0].used or is_watched:
            expect(code == "NotPermitted", "a region in use was removed:", code)
        else:
            expect(code is None, "a region of free frames was not removed:", code)
            self.model.regions.remove(found[0])

    def use_an_ended_one(self):
        """Check that frames that were freed, split or merged refuse everything."""
        if not self.ended:
            return
        frames = self.one_of(self.ended)
        calls = (
            (frames.free, ()),
            (frames.map, ()),
            (frames.unmap, ()),
            (frames.split_at, (0,)),
            (frames.split_range, (0, 1)),
            (frames.merge, (frames,)),
            (getattr, (frames, "view")),
            (getattr, (frames, "addr")),
            (getattr, (frames, "nbytes")),
            (getattr, (frames, "capacity")),
            (getattr, (frames, "range")),
            (len, (frames,)),
            (iter, (frames,)),
            (frames.fill, ()),
            (frames.resize, (1,)),
            (frames.resize_by_bytes, (1,)),
        )
        expect(not frames, "frames that are", frames.state, "are true")
        function, arguments = self.one_of(calls)
        code = self.attempt(function, *arguments)[1]
        expect(code == "NotAllocated", "frames that are", frames.state, "raised", code)

    def statistics(self):
        """Check that stats() and every region's own numbers match the model."""
        table = self.physmem.stats()
        totals = {"frames": 0, "free": 0, "used": 0, "peak": 0, "failed": 0, "total_bytes": 0, "used_bytes": 0}
        expect(len(table) == len(self.model.regions) + 1, "regions", sorted([str(name) for name in table]))
        for region in self.model.regions:
            expected = {
                "frames": region.frames,
                "free": region.frames - region.used,
                "used": region.used,
                "peak": region.peak,
                "failed": region.failed,
                "largest": region.longest_free(),
                "largest_bytes": region.longest_free() * region.frame_size,
                "total_bytes": region.frames * region.frame_size,
                "free_bytes": (region.frames - region.used) * region.frame_size,
                "used_bytes": region.used * region.frame_size,
            }
            expect(table[region.name] == expected, region.name, table[region.name], "instead of", expected)
            if not region.reserved:
                for key in totals:
                    totals[key] += expected[key]
        for key in totals:
            expect(table[None][key] == totals[key], "total of", key, table[None][key], "instead of", totals[key])
        self.granted += 1

    def check(self):
        """Check that check() finds nothing and every region has exactly the allocations and free runs of the model."""
        expect(self.physmem.check() == [], self.physmem.check())
        expect([found.name for found in self.physmem.regions()] == [region.name for region in self.model.regions])
        for region in self.model.regions:
            found = self.physmem.region(region.name)
            expect((found.base, found.end) == (region.base, region.end), found)
            runs = [(first, count) for first, count, free in found.runs() if free]
            expect(runs == region.free_runs(), "free runs of", region.name, runs)
            held = [(first, count) for first, count, free in found.runs() if not free]
            allocations = [owned.allocation for owned in self.live]
            expected = sorted([(a.first, a.count) for a in allocations if a.region is region and a.count])
            expect(held == expected, "allocations of", region.name, held, expected)
        p = self.physmem
        listed = [(row.addr, row.nbytes, row.count, row.state) for row in p.allocations()]
        states = (p.ALLOCATED, p.MAPPED)
        expected = sorted([(a.addr, a.capacity, a.count, states[a.mapped]) for a in allocations if a.count])
        wrong = [row for row in listed if row not in expected], [row for row in expected if row not in listed]
        expect(listed == expected, "allocations() lists", wrong[0], "and not", wrong[1])
        for owned in self.live:
            self.read(owned)
        self.statistics()

    def counts(self):
        """Check that used frames, peak and failed requests of every region match the model."""
        for region in self.model.regions:
            found = self.physmem.region(region.name)
            counts = (found.used_frames, found.peak_used, found.failed)
            expected = (region.used, region.peak, region.failed)
            expect(counts == expected, "used, peak, failed of", region.name, counts, "instead of", expected)

    def run(self, operations, check_after=100):
        """Do `operations` operations, with `counts` after each and `check` after every `check_after` of them. Then free
        what is left and check again."""
        for i in range(1, operations + 1):
            self.one()
            self.counts()
            if i % check_after == 0:
                self.check()
        while self.live:
            self.end(self.live[-1])
        self.check()
        for region in self.model.regions:
            expect(region.used == 0 and self.physmem.region(region.name).used_frames == 0, region.name, "is not empty")
