"""The error of every way to write a board's firmware."""


class FlashError(Exception):
    """The firmware was not written; the message says why and what to do."""
