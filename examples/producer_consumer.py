"""Hand frames from one asyncio task to another: the producer allocates and fills them, the consumer frees them.

A queue of few places keeps the producer from taking all memory. Whatever a task owns is in a scope or in `with`, so no
frames are lost if it is cancelled. Runs wherever there is asyncio. Prints how many blocks were consumed.
"""

import sys

import physmem

try:
    import asyncio
except ImportError:
    print("producer_consumer.py needs asyncio, which is not in this firmware")
    sys.exit(1)

BLOCKS = 20
NBYTES = 500
PLACES = 3


class Queue:
    """Frames on their way from one task to another. What `get` returns is yours."""

    def __init__(self):
        self.waiting = []
        self.changed = asyncio.Event()

    async def put(self, frames):
        while len(self.waiting) == PLACES:
            await self.change()
        self.waiting.append(frames)
        self.changed.set()

    async def get(self):
        while not self.waiting:
            await self.change()
        self.changed.set()
        return self.waiting.pop(0)

    async def change(self):
        self.changed.clear()
        await self.changed.wait()


async def produce(queue):
    for number in range(BLOCKS):
        with physmem.scope() as scope:  # this task's own: it frees what the queue has not got
            frames = physmem.allocate_frames_by_bytes(NBYTES)
            frames.view[:] = bytes([number]) * NBYTES
            await queue.put(frames)
            scope.keep(frames)


async def consume(queue, sums):
    for _ in range(BLOCKS):
        async with await queue.get() as frames:
            await asyncio.sleep(0)  # for example until a device has sent them
            sums.append(sum(frames.view))


async def main(sums):
    queue = Queue()
    try:
        await asyncio.gather(produce(queue), consume(queue, sums))
    finally:
        for frames in queue.waiting:
            frames.free()


before = physmem.stats()[None]["used"]
sums = []
asyncio.run(main(sums))
assert sums == [number * NBYTES for number in range(BLOCKS)]
print("%d blocks of %d bytes consumed, each as it was produced" % (len(sums), NBYTES))
print("frames that are still in use: %d" % (physmem.stats()[None]["used"] - before))
