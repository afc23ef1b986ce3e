"""A provocation: a call that raises an error, and what the error must say."""

import contextlib
import typing


class Provocation(typing.NamedTuple):
    """A call that raises within the context *within*. Its message must have each of *says*: what was asked for, and
    what there was or what is valid."""

    function: object
    arguments: tuple
    keywords: dict
    says: tuple
    within: object

    def error(self):
        """Make the call and return what it raised. AssertionError if it raised nothing."""
        try:
            with self.within:
                returned = self.function(*self.arguments, **self.keywords)
        except BaseException as error:
            return error
        raise AssertionError(f"{self.function} {self.arguments} {self.keywords} returned {returned!r}")


def refused(function, *arguments, says, within=None, **keywords):
    """Return the Provocation of that call."""
    says = (says,) if isinstance(says, str) else tuple(says)
    return Provocation(function, arguments, keywords, says, within or contextlib.nullcontext())
