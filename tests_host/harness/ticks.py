"""A program that counts the ticks of timers."""

# A handler must not look up global names: while the program adds one, MicroPython moves them all, and lookups can fail.
TICKS = """
from machine import Timer
class Ticks:
    def __init__(self):
        self.seen = 0
    def tick(self, timer):
        self.seen += 1
def started(number, freq, hard):
    ticks = Ticks()
    Timer(number, freq=freq, callback=ticks.tick, hard=hard)
    return ticks
"""
