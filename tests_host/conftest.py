"""What tests share that is slow to start. Tests that use `chromium` are in the group "chromium", so that one worker of
pytest has all of them, and there is one Chromium."""

import pytest

from chromium import headless_chromium


@pytest.fixture(scope="session")
def chromium():
    """Yield selenium's driver of a Chromium. Who needs its page to stay opens a new_tab."""
    with headless_chromium(1300, 800) as chromium:
        yield chromium
