"""A hook of `on_low` for tests."""

from scheduled import run_scheduled


class Told:
    """A hook that counts its calls and keeps the last region that it was called for."""

    def __init__(self):
        self.count = 0
        self.region = None

    def __call__(self, region):
        self.count += 1
        self.region = region

    def since(self):
        """Return how often the hook was called since the last time you asked."""
        run_scheduled()
        count, self.count = self.count, 0
        return count
