"""Make the picture of docs/browser.md: the page of `make browser` after an example.

browser_page.picture FOLDER PICTURE
"""

import pathlib
import sys

from browser_page.driver import Page
from chromium import headless_chromium
from folder_server import served

EXAMPLE = 1  # of the menu: it shows each state of frames
POINTED_AT = "psram", 7  # a frame of the framebuffer
WIDTH, HEIGHT = 1400, 900


def main(folder, picture):
    """Run the example on the page in *folder*, point at a frame, and write the screen to *picture*."""
    with served(folder) as address, headless_chromium(WIDTH, HEIGHT) as chromium:
        page = Page(chromium, address)
        page.open()
        page.choose(page.titles()[EXAMPLE])
        page.run()
        page.point_at(*POINTED_AT)
        chromium.save_screenshot(str(picture))
    print(f"{picture}, {pathlib.Path(picture).stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
