"""Random numbers that are the same on every board and interpreter, made without heap.

CPython's and MicroPython's `random` differ, and a 32-bit product does not fit a small integer of a 32-bit port (2**30 -
1 at most). So this is the generator of Wichmann and Hill (Applied Statistics 31, algorithm AS 183): three
multiplicative generators modulo primes of 15 bits, every product below 2**23. Here their states are combined as
integers, not added as fractions.
"""


class RandomNumbers:
    """A sequence that depends only on `seed`, an integer."""

    def __init__(self, seed):
        self.x = 1 + seed % 30268
        self.y = 1 + seed // 7 % 30306
        self.z = 1 + seed // 49 % 30322
        for _ in range(20):  # small seeds differ in few bits
            self.below(2)

    def below(self, bound):
        """Return the next integer of 0 .. `bound` - 1; 1 <= `bound` <= 2**29. Small integers in and out, no heap."""
        self.x = 171 * self.x % 30269
        self.y = 172 * self.y % 30307
        self.z = 170 * self.z % 30323
        return ((self.y << 15) + (self.x ^ self.z)) % bound  # 30306 * 2**15 + 2**15 < 2**30

    def choice(self, items):
        """Return one of `items`."""
        return items[self.below(len(items))]
