"""Regions of one to a few words, each word of them symbolic."""

from proof.contract import specification
from proof.logic.arrays import KnownArray
from proof.logic.terms import bits, joined, some
from proof.machine.exploration import Segment

BASE = 0x20001000
HEADER = ("frames", "free", "fewest", "failed", "phase", "version", "planes", "lock")
TOPS, SPAN, ROW = 8, 14, 15


class SmallMap:
    """The state of a region of `words` words, as `specification` describes it, from arrays of its words."""

    def __init__(self, words, arrays):
        self.words = words
        self.groups = 1
        self._names = dict(zip(HEADER, arrays["header"].words))
        self.tops, (self.span,) = arrays["tops"].words, arrays["span"].words
        self.row, self.starts, self.planes_words = (arrays[name].words for name in ("row", "starts", "planes"))
        self.is_free = joined(self.row)
        self.is_start = joined(self.starts)

    def __getattr__(self, name):
        try:
            return self._names[name]
        except KeyError:
            raise AttributeError(name) from None

    def word(self, name):
        return self.all_words()[name]

    def all_words(self):
        """Return {name: word} of all words of the state."""
        rows = {"tops": self.tops, "row": self.row, "starts": self.starts, "planes": self.planes_words}
        each = {f"{name} {number}": word for name, words in rows.items() for number, word in enumerate(words)}
        return {**self._names, "span": self.span, **each}

    def plane(self, group, c):
        return self.planes_words[specification.CLASSES * group + c]

    def run_starts(self, word, c):
        """As `specification.longest_run_is_at_least` for 2 ** c frames, by doubling: the lemma "ladder" says so."""
        pair = joined([self.row[word], self.row[word + 1]])
        length = 1
        while length < 1 << c:
            pair = pair & (pair >> length)
            length += length
        return pair.piece(0, 32) != 0


def small_region(words, lock=0):
    """Return (arrays, SmallMap, segments) of a region of so many words; `lock` is its lock word."""
    header = [some(name) for name in HEADER]
    header[HEADER.index("planes")] = bits(ROW + 2 * (words + 1))
    header[HEADER.index("lock")] = bits(lock) if isinstance(lock, int) else lock
    arrays = {
        "header": KnownArray(header),
        "tops": KnownArray([some(f"top {c}") for c in range(specification.CLASSES)]),
        "span": KnownArray([bits(0)]),
        "row": KnownArray([*(some(f"row {number}") for number in range(words)), bits(0)]),
        "starts": KnownArray([some(f"starts {number}") for number in range(words + 1)]),
        "planes": KnownArray([some(f"plane {c}") for c in range(specification.CLASSES)]),
    }
    segments, start = [], BASE
    for name, array in arrays.items():
        segments.append(Segment(name, start, len(array.words)))
        start += 4 * len(array.words)
    return arrays, SmallMap(words, arrays), segments


def assumptions(map):
    """Return what holds before a call: the size, the invariants, and the sizes of the numbers."""
    size = (map.frames > 32 * (map.words - 1)) & (map.frames <= 32 * map.words)
    invariants = {**specification.invariants_of_rows(map), **specification.invariants_of_planes(map)}
    return [size, *invariants.values(), map.phase < 1 << 30, map.version <= specification.LARGEST_VERSION]
