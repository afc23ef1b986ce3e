"""The errors as the reference has them: errors/guide.py says what they mean, and what to do about each."""

import re
from dataclasses import dataclass

from errors import guide
from reference.contents import PAGES
from reference.signatures import thing


@dataclass(frozen=True)
class Code:
    """A code of PhysMemError: the number that raw calls return for it and the constant of that, or None and ""."""

    number: int | None
    constant: str

    @property
    def is_of_raw_calls(self):
        return self.number is not None


def _codes():
    values = {name: thing(name).value for name in PAGES["constants"].names if name.isupper()}
    numbered = sorted((-int(value), name) for name, value in values.items() if value.startswith("-"))
    codes = {"".join(map(str.capitalize, name.split("_"))): Code(-number, name) for number, name in numbered}
    return codes | {name: Code(None, "") for name in guide.ERRORS if name not in codes and not name.endswith("Error")}


CODES = _codes()
"""Name of a code, which `code_name` returns -> Code. Those of raw calls come first, by number."""
_OF_CONSTANTS = {code.constant: name for name, code in CODES.items() if code.is_of_raw_calls}
_NAME = re.compile(r"\b(?:" + "|".join([*CODES, *guide.ERRORS, *_OF_CONSTANTS]) + r")\b")


def code_of(constant):
    """Return the name of the code that the *constant* of physmem stands for."""
    return _OF_CONSTANTS[constant]


def errors_in(text):
    """Return the names of the errors that the docstring *text* speaks of, in order; by constant or by code."""
    return list(dict.fromkeys(_OF_CONSTANTS.get(name, name) for name in _NAME.findall(text)))
