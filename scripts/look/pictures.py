"""Make the pictures of docs/map.md: a program on an emulated board, in the terminal and as a report in Chromium."""

import sys
import tempfile

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from chromium import headless_chromium
from emulated_board import ROOT
from look.main import main as look

BOARD = "PIMORONI_PICO_PLUS2"
DOCS = ROOT / "docs"
SECONDS = 20


def main():
    with tempfile.NamedTemporaryFile(suffix=".html") as report:
        words = [BOARD, "--program", str(ROOT / "examples" / "busy_frames.py"), "--seconds", str(SECONDS)]
        words += ["--interval", "0.2", "--width", "110", "--svg", str(DOCS / "map_terminal.svg"), "--html", report.name]
        problem = look(words)
        if problem:
            return problem
        with headless_chromium(1100, 1500) as chromium:
            chromium.get(f"file://{report.name}")
            # The map of the PSRAM, which has the most frames: point at one of the display's.
            psram = chromium.find_elements(By.CSS_SELECTOR, "svg.memory-map-frames")[2]
            from_the_middle = -psram.size["width"] // 3, -psram.size["height"] // 2 + 8
            ActionChains(chromium).move_to_element_with_offset(psram, *from_the_middle).perform()
            chromium.save_screenshot(str(DOCS / "map_report.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
