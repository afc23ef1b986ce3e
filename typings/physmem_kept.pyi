from typing import NamedTuple

class Retained(NamedTuple):
    name: str
    addr: int
    nbytes: int
    resets: int
    mapped: bool
