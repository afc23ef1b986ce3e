"""Memory as arrays of words, of a known or of any length. An array never changes: `written` returns another one.

An index is a number or symbolic, and you make sure before you read or write that it is in the array.
"""

import operator

from proof.logic.terms import TRUE, all_of, bits, some


class KnownArray:
    """A few words, each of which is there."""

    def __init__(self, words):
        self.words = tuple(words)

    @property
    def length(self):
        return bits(len(self.words))

    def read(self, index):
        if index.number is not None:
            return self.words[index.number]
        value = self.words[-1]
        for number in range(len(self.words) - 2, -1, -1):
            value = (index == number).choose(self.words[number], value)
        return value

    def written(self, index, value):
        words = list(self.words)
        if index.number is not None:
            words[index.number] = value
        else:
            words = [(index == number).choose(value, word) for number, word in enumerate(words)]
        return KnownArray(words)

    def merged(self, guards, others):
        """Return the array that is the first of `others` whose guard is true, or else this one."""
        words = []
        for number, word in enumerate(self.words):
            for guard, other in zip(reversed(guards), reversed(others)):
                word = guard.choose(other.words[number], word)
            words.append(word)
        return KnownArray(words)


class Content:
    """What an array of any length has at first: the same unknown word each time that one index is read.

    `when_read(index, word)` is called for each index that has not been read before: it may assume what is known of it.
    `same(index, other)` returns the Truth that they are equal.
    """

    def __init__(self, name, solver, when_read=None, same=operator.eq):
        self.name = name
        self.same = same
        self._solver = solver
        self._when_read = when_read
        self.read_words = []

    def read(self, index):
        for other, word in self.read_words:
            if index.is_same(other):
                return word
        word = some(f"{self.name}[{len(self.read_words)}]")
        for other, earlier in self.read_words:
            self._solver.assume(self.same(index, other).implies(word == earlier))
        self.read_words.append((index, word))
        if self._when_read:
            self._when_read(index, word)
        return word


class AnyArray:
    """`length` words, where `length` is symbolic.

    `content` is a function of the index, or a Content's `read`; `changes` has (guard, index, word) of what was written
    since: the last one counts whose guard is true. `same(index, other)` returns the Truth that they are equal.
    """

    def __init__(self, content, length, changes=(), same=operator.eq):
        self.same = same
        self.content = content
        self.length = length
        self.changes = changes

    def read(self, index):
        value = None
        start = 0
        for number in range(len(self.changes) - 1, -1, -1):
            guard, at, word = self.changes[number]
            if guard.known and index.is_same(at):
                value, start = word, number + 1
                break
        if value is None:
            value = self.content(index)
        for guard, at, word in self.changes[start:]:
            value = (guard & self.same(index, at)).choose(word, value)
        return value

    def written(self, index, value):
        return AnyArray(self.content, self.length, (*self.changes, (TRUE, index, value)), self.same)

    def merged(self, guards, others):
        """Return the array that is the first of `others` whose guard is true, or this one; all have one content."""
        arrays = [*others, self]
        assert all(array.content == self.content for array in arrays)
        common = 0
        while all(len(array.changes) > common for array in arrays) and all(
            array.changes[common] is self.changes[common] for array in arrays
        ):
            common += 1
        changes = list(self.changes[:common])
        earlier = []
        for guard, array in zip([*guards, TRUE], arrays):
            own = all_of([*(~each for each in earlier), guard]) if len(array.changes) > common else TRUE
            changes += [(own & each, index, word) for each, index, word in array.changes[common:]]
            earlier.append(guard)
        return AnyArray(self.content, self.length, tuple(changes), self.same)
