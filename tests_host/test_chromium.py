"""A Chromium that is not there, or that does not start: what is said then."""

import shutil

import pytest

from chromium import headless_chromium


def assert_refused(match):
    with pytest.raises(RuntimeError, match=match), headless_chromium():
        pass


def test_chromium_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused("^Chromium is not installed: run make chromium, or install chromium and chromium-driver$")


def test_chromium_that_does_not_start(monkeypatch, tmp_path):
    (tmp_path / "chromium").symlink_to(shutil.which("chromium"))
    (tmp_path / "chromedriver").symlink_to(shutil.which("false"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused("^Chromium did not start: .*chromedriver unexpectedly exited.*; run make chromium, which installs")
