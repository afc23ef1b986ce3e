"""How many instructions it takes to change the frames of a range: terms of `At.at_most`."""

from proof.any_size.classes import MOST
from proof.logic.terms import bits


class RangeCosts:
    """What the instructions depend on that take, or release, `n` frames from the position `position` of the word
    `first` to the position `end` of the word `last`. `is_raised`: they become free."""

    @property
    def change(self):
        """The most instructions of RAISE or LOWER, for the class of one word."""
        return MOST["RAISE" if self.is_raised else "LOWER"]

    @property
    def ends_in_last(self):
        """1 if frames of the last word are in the range, and that is not the first, else 0."""
        return ((self.end == 0) | (self.first == self.last)).choose(bits(0), bits(1))

    def of_words_between(self, word):
        """The classes of the words from this one on, before the last: all of the words of a group at once. Two terms:
        the last group takes 7 more."""
        is_one = word < self.last
        groups = is_one.choose(((self.last - 1) >> 5) - (word >> 5) + 1, bits(0))
        each = 25 + MOST["RAISE_SEVERAL" if self.is_raised else "LOWER_SEVERAL"]
        return (each, groups), (7, is_one.choose(bits(1), bits(0)))

    def of_taking(self, more, each):
        """What the instructions up to the end depend on: terms of `At.at_most`. If the frames are not all in one word,
        there are `more`, and `each` for each further word."""
        is_many = self.position + self.n > 32
        many, words = is_many.choose(bits(1), bits(0)), is_many.choose(self.last - self.first, bits(0))
        in_last = self.change + 2, self.ends_in_last
        return (2, self.change), (more, many), (each, words), in_last, *self.of_words_between(self.first + 1)

    def of_few(self):
        """The same for up to 32 frames that `alloc` has found anywhere: terms of `At.at_most`. Nothing is asked of the
        word before."""
        is_inside = self.position + self.n <= 32
        inside, across = (is_inside.choose(bits(one), bits(not one)) for one in (1, 0))
        return (41 + MOST["LOWER_WORD"], inside), (48 + 2 * MOST["LOWER"], across)


class Place(RangeCosts):
    """`n` frames from a frame on, which a search has found."""

    is_raised = False

    def __init__(self, frame, n):
        self.first, self.position, self.n = frame >> 5, frame & 31, n
        end = self.position + n
        self.last, self.end = self.first + (end >> 5), end & 31
