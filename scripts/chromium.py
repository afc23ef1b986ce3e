"""Open pages of this project in Chromium, without a window."""

import os
import shutil
from contextlib import contextmanager

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from emulated_board import die_with_parent

SCRIPT_SECONDS = 60
"""How long a script that waits for the page may take."""


def _options(browser, width, height):
    options = Options()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--hide-scrollbars",
        "--disable-gpu",
        "--disable-dev-shm-usage",  # a container has 64 MiB of it
        "--remote-debugging-pipe",  # Chromium ends when chromedriver does, even if that was killed
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root cannot have Chromium's sandbox, as in a container
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


@contextmanager
def headless_chromium(width=1100, height=900):
    """Yield selenium's driver of a Chromium whose window has that size in pixels.

    RuntimeError if Debian's packages are missing, or if Chromium does not start. Chromium ends with this process.
    """
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        raise RuntimeError("Chromium is not installed: run make chromium, or install chromium and chromium-driver")
    service = Service(driver, popen_kw={"preexec_fn": die_with_parent})
    try:
        chromium = webdriver.Chrome(options=_options(browser, width, height), service=service)
    except WebDriverException as error:
        why = (error.msg or type(error).__name__).partition("\n")[0].removesuffix(".")
        raise RuntimeError(
            f"Chromium did not start: {why}; run make chromium, which installs chromium and a chromium-driver that fits"
        ) from error
    try:
        chromium.set_script_timeout(SCRIPT_SECONDS)
        yield chromium
    finally:
        chromium.quit()


def console_messages(chromium):
    """Return what pages have written to the console since the last call, such as their errors: a list of texts."""
    return [entry["message"] for entry in chromium.get_log("browser")]


@contextmanager
def new_tab(chromium):
    """Show a new tab meanwhile; then close it, drop its messages, and show the tab that was there before."""
    before = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    try:
        yield
    finally:
        chromium.close()
        chromium.switch_to.window(before)
        console_messages(chromium)
