"""Refuse words that this project does without, white space at the end of a line, and a file without a last newline."""

import pathlib
import re
import sys

# What not to write, and what to write instead.
BANNED = {
    "the begin": "the start",
    "anew": "again, or re- as in rebuild",
    "by turns": "alternately",
    "dearest": "most expensive",
    "whoever": "anybody who, or you",
    "is no": "is not a",
    "in the hands of": "owned by, as in hardware owns it",
}
# Good English all the same.
ALLOWED = ("there is no", "is no longer", "is no more", "is no less", "is no shorter", "is no larger", "is no smaller")
# The end of a line, with the comment sign that the next line starts with.
LINE_END = re.compile(r"\n[ \t]*(?:(?:#|//|\*|>)[ \t]*)?")


def phrases(words):
    """Return the regular expression for any of *words*, whole, with any number of blanks in their gaps."""
    return re.compile(r"\b(?:" + "|".join(word.replace(" ", " +") for word in words) + r")\b", re.IGNORECASE)


def faults(text):
    """Return (line, sentence) for everything in *text* that is refused, ordered by line."""

    def blanks(match):
        return " " * len(match[0])

    found = []
    one_line = phrases(ALLOWED).sub(blanks, LINE_END.sub(blanks, text))  # every character stays where it was
    for match in phrases(BANNED).finditer(one_line):
        written = " ".join(match[0].lower().split())
        found.append((text.count("\n", 0, match.start()) + 1, f'"{written}": write {BANNED[written]}'))
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            found.append((number, "remove the white space at the end of the line"))
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        found.append((text.count("\n") + 1, "end the file with one newline"))
    return sorted(found)


def main(names):
    found = []
    for name in names:
        content = pathlib.Path(name).read_bytes()
        if b"\0" not in content and pathlib.Path(name).resolve() != pathlib.Path(__file__).resolve():
            found += [f"{name}:{line}: {sentence}" for line, sentence in faults(content.decode())]
    print("\n".join(found) or "The words are the project's.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
