"""The traces of the placement study: requests and frees of frames, in order.

A trace is a list of steps. A step ``(n, align)`` with n > 0 requests n frames at a multiple of `align` frames. A step
``(0, i)`` frees what request i (counted from 0) got. Two traces are recorded: they are what two programs requested from
glibc's malloc on a PC, without the requests below a frame of 256 bytes, rounded up to frames.

- ``tls``: OpenSSL, as Python's ssl uses it. Up to twelve sessions are open at once, each a client and a server joined
  in memory. They are opened, shake hands, exchange up to 6,000 bytes at a time and are closed.
- ``sqlite``: SQLite with up to eight databases in memory and pages of 1,024 bytes. Rows of 10 to 3,000 bytes are
  inserted into a log with an index, sorted and deleted. Databases are opened and closed.

In their files ``+5`` requests five frames, and ``-12`` frees what request 12 (counted from 0) got. What is still held
at the end stays held. The other traces are synthetic: each is a seeded model of the case that its function describes.
The sizes follow from what is named there; how often a program requests something, and how long that lives, are
assumptions.
"""

from pathlib import Path
from random import Random

RECORDED = Path(__file__).resolve().parent / "traces"


class Model:
    """A trace under construction: `ask` adds a request and returns its number; `give_back` adds its free."""

    def __init__(self, seed):
        self.numbers = Random(seed)
        self.trace = []
        self.requests = 0
        self.ends = {}

    def ask(self, n, align=1, life=None):
        """Request `n` frames, to be freed after about `life` more requests (exponentially distributed)."""
        self.trace.append((n, align))
        request = self.requests
        self.requests += 1
        if life:
            end = self.requests + int(self.numbers.expovariate(1 / life))
            self.ends.setdefault(end, []).append(request)
        for request_that_ends in self.ends.pop(request, ()):
            self.give_back(request_that_ends)
        return request

    def give_back(self, request):
        self.trace.append((0, request))


def framebuffers(seed, requests=8000):
    """Double buffering with changes of mode, frames of 4 KB.

    The framebuffers have 16-bit pixels: 320 x 240 (38 frames), 480 x 320 (75) and 640 x 480 (150). The new pair is
    requested before the old one is freed, as the screen must show something. In between come windows of 2 to 40 frames,
    and small objects (glyphs, sprites) of 1 to 4 frames with short or long lives.
    """
    model = Model(seed)
    pair = []
    while model.requests < requests:
        size = model.numbers.choice((38, 75, 150))
        former, pair = pair, [model.ask(size), model.ask(size)]
        for request in former:
            model.give_back(request)
        for _ in range(model.numbers.randrange(5, 60)):
            if model.numbers.random() < 0.1:
                model.ask(model.numbers.randrange(2, 41), life=60)
            else:
                model.ask(model.numbers.randrange(1, 5), life=model.numbers.choice((20, 20, 20, 800)))
    return model.trace


def rings(seed, requests=8000):
    """DMA rings, frames of 256 B.

    The rings have sizes of 1 to 32 KB, each aligned to its size (the RP2040's DMA wraps at powers of two up to 2**15
    bytes), and are opened and closed. Each has a one-frame list of descriptors, and unaligned buffers of 1 to 12 frames
    that the program fills and drains.
    """
    model = Model(seed)
    while model.requests < requests:
        size = 4 << model.numbers.choice((0, 0, 1, 1, 2, 2, 3, 4, 5))
        model.ask(size, align=size, life=300)
        model.ask(1, life=300)
        for _ in range(model.numbers.randrange(8)):
            model.ask(model.numbers.randrange(1, 13), life=100)
    return model.trace


def packets(seed, requests=8000):
    """Network packets, frames of 1 KB.

    An Ethernet frame of up to 1,514 bytes takes 1 or 2 frames; half of them are short (acknowledgements). A
    first-in-first-out queue fills in bursts and drains. In between come sockets that live longer: each has two windows
    of 8 x 1,460 bytes (12 frames each), as MicroPython configures lwIP (lwipopts_common.h: TCP_WND, TCP_SND_BUF).
    """
    model = Model(seed)
    queue, sockets = [], []
    while model.requests < requests:
        for _ in range(model.numbers.choice((2, 5, 10, 40, 200))):
            queue.append(model.ask(model.numbers.randrange(1, 3)))
            if model.numbers.random() < 0.02:
                sockets.append((model.ask(12), model.ask(12)))
                if len(sockets) > 20:
                    for request in sockets.pop(model.numbers.randrange(20)):
                        model.give_back(request)
        depth = model.numbers.randrange(0, 400)
        while len(queue) > depth:
            model.give_back(queue.pop(0))
    return model.trace


def long_lived(seed, requests=8000):
    """Long-lived among short-lived allocations.

    Most requests are for 1 to 8 frames and live for about 60 requests; one in twenty is for 1 to 32 frames and lives
    for about 2,000.
    """
    model = Model(seed)
    while model.requests < requests:
        if model.numbers.random() < 0.05:
            model.ask(model.numbers.randrange(1, 33), life=2000)
        else:
            model.ask(model.numbers.randrange(1, 9), life=60)
    return model.trace


def camera(seed, requests=8000):
    """A camera, frames of 4 KB.

    It has a ring of three pictures of 320 x 240 (38 frames) or 640 x 480 (150) 16-bit pixels. When the mode changes,
    the old ring is freed and then a new one requested. Each picture becomes a JPEG of 5 to 25 frames that waits to be
    sent, first in, first out; every fifth also becomes a thumbnail of 160 x 120 (10 frames) that is kept for a long
    time. A crash log of 4 frames stays until the end.
    """
    model = Model(seed)
    model.ask(4)
    queue, ring = [], []
    while model.requests < requests:
        for request in ring:
            model.give_back(request)
        size = model.numbers.choice((38, 150))
        ring = [model.ask(size) for _ in range(3)]
        for picture in range(model.numbers.randrange(20, 200)):
            queue.append(model.ask(model.numbers.randrange(5, 26) if size == 150 else model.numbers.randrange(2, 9)))
            if picture % 5 == 0:
                model.ask(10, life=150)
            depth = model.numbers.randrange(5, 40)
            while len(queue) > depth:
                model.give_back(queue.pop(0))
    return model.trace


def replacement(seed, draw, requests=8000, most=1800):
    """Random replacement: not a case, but the usual load in the literature.

    ``draw(numbers)`` draws each size. Whenever a request would exceed `most` live frames, allocations drawn at random
    from all live ones are freed first, so that the region is always full.
    """
    model = Model(seed)
    live, frames = [], 0
    while model.requests < requests:
        n = draw(model.numbers)
        while frames + n > most:
            i = model.numbers.randrange(len(live))
            live[i], live[-1] = live[-1], live[i]
            size, request = live.pop()
            frames -= size
            model.give_back(request)
        live.append((n, model.ask(n)))
        frames += n
    return model.trace


def uniform(seed):
    """Replacement with 1 to 64 frames, all equally likely."""
    return replacement(seed, lambda numbers: numbers.randrange(1, 65))


def powers_of_two(seed):
    """Replacement with 1, 2 or 4 frames, or, half of the time, 1, 2, 4, ... 64; not aligned."""
    return replacement(seed, lambda numbers: 1 << numbers.randrange(numbers.choice((3, 7))))


def screens(seed):
    """Replacement with 75 or 150 frames, one in ten each; otherwise 1 to 4."""
    return replacement(seed, lambda numbers: numbers.choice((75, 150, *[0] * 8)) or numbers.randrange(1, 5))


def recorded(name):
    """Return the recorded trace with that name; frames of 256 bytes, no alignment."""
    steps = []
    for word in (RECORDED / (name + ".txt")).read_text().split():
        steps.append((int(word), 1) if word[0] == "+" else (0, -int(word)))
    return steps


def peak(trace):
    """Return the most frames that are live at any time."""
    sizes, live, most = [], 0, 0
    for n, number in trace:
        if n:
            sizes.append(n)
            live += n
            most = max(most, live)
        else:
            live -= sizes[number]
    return most


SYNTHETIC = {
    "framebuffers": framebuffers,
    "DMA rings": rings,
    "packets": packets,
    "long-lived": long_lived,
    "camera": camera,
    "uniform": uniform,
    "powers of two": powers_of_two,
    "screens": screens,
}
RECORDINGS = {"TLS, recorded": "tls", "SQLite, recorded": "sqlite"}


def all_traces(seeds):
    """Return {name: traces} in the order of the tables: one trace for each seed, and a single one for a recording."""
    traces = {name: [model(seed) for seed in seeds] for name, model in SYNTHETIC.items()}
    traces.update((name, [recorded(file)]) for name, file in RECORDINGS.items())
    return traces
