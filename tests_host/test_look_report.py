"""The report of `make map` in a real browser: it needs nothing from elsewhere, and one can point at every frame."""

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from chromium import console_messages
from harness.snapshots import BASE, FRAME_SIZE, history_of, region_of, snapshot_of
from look.report import html_report
from look.terminal import View

HOSTILE = "</script><script>alert(1)</script>"
IN_A_ROW = 256  # of 256 frames and more, at 960 / 2.5 columns: the largest power of two
FRAMES = 1024
TAKEN = ((0, 4, "allocated", "display"), (4, 2, "mapped", HOSTILE), (300, 1, "retained", None, "log"))

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture
def report(chromium, tmp_path):
    """Return a function that opens the report of a History, and returns its text."""

    def opened(history, view=None):
        path = tmp_path / "report.html"
        path.write_text(html_report(history, view or View(f"a board {HOSTILE}")), encoding="utf-8")
        chromium.get(path.as_uri())
        return path.read_text(encoding="utf-8")

    return opened


def maps(chromium):
    return chromium.find_elements(By.CSS_SELECTOR, "svg.memory-map-frames")


def tooltip(chromium):
    """Return what the tooltip says, as a dict; None if it is not shown."""
    found = chromium.find_element(By.CSS_SELECTOR, ".memory-map-tooltip")
    if not found.is_displayed():
        return None
    lines = found.text.splitlines()
    return dict(zip(lines[::2], lines[1::2]))


def point_at(chromium, frame):
    """Move the pointer to the middle of `frame` of the first map, whose frames are as large as each other."""
    drawn = maps(chromium)[0]
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", drawn)
    size = drawn.size
    rows = FRAMES // IN_A_ROW
    x = size["width"] * ((frame % IN_A_ROW + 0.5) / IN_A_ROW - 0.5)
    y = size["height"] * ((frame // IN_A_ROW + 0.5) / rows - 0.5)
    ActionChains(chromium).move_to_element_with_offset(drawn, round(x), round(y)).perform()


def test_nothing_is_fetched_and_nothing_is_wrong(chromium, report):
    looks = (region_of("sram", FRAMES, TAKEN), region_of("sram", FRAMES, TAKEN[:1]))
    text = report(history_of(*(snapshot_of(region, ticks_ms=1000 * look) for look, region in enumerate(looks))))
    assert console_messages(chromium) == []
    assert set(re.findall(r"https?://[^\"' ]*", text)) == {"http://www.w3.org/2000/svg"}
    fetched = chromium.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert len(maps(chromium)) == 1
    assert len(chromium.find_elements(By.CSS_SELECTOR, "svg.plot path.plot-free")) == 1


@pytest.mark.parametrize(
    "frame, said",
    [
        (
            2,
            {"frames": "0 to 3, 4 frames", "address": "0x20000000 to 0x20004000", "size": "16 KiB", "owner": "display"},
        ),
        (4, {"state": "mapped: hardware owns it", "owner": HOSTILE, "here": "frame 4 at 0x20004000"}),
        (300, {"region": "sram", "frames": "300", "address": "0x2012c000 to 0x2012d000", "name": "log"}),
        (1000, {"state": "free", "frames": "301 to 1023, 723 frames", "here": "frame 1000 at 0x203e8000"}),
    ],
)
def test_pointing_at_a_frame_tells_what_it_is(chromium, report, frame, said):
    report(history_of(snapshot_of(region_of("sram", FRAMES, TAKEN))))
    point_at(chromium, frame)
    assert said.items() <= tooltip(chromium).items()
    ActionChains(chromium).move_to_element(chromium.find_element(By.TAG_NAME, "h1")).perform()
    assert tooltip(chromium) is None


def test_the_keyboard_goes_from_run_to_run(chromium, report):
    report(history_of(snapshot_of(region_of("sram", FRAMES, TAKEN))))
    maps(chromium)[0].send_keys(Keys.HOME)
    seen = [tooltip(chromium)["address"]]
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.END):
        maps(chromium)[0].send_keys(key)
        seen.append(tooltip(chromium)["address"].split()[0])
    starts = [0, 4, 6, 300, 6, 301]
    assert [address.split()[0] for address in seen] == [hex(BASE + FRAME_SIZE * first) for first in starts]
    maps(chromium)[0].send_keys(Keys.ESCAPE)
    assert tooltip(chromium) is None


def test_a_snapshot_is_drawn_again_in_place(chromium, report):
    """The zoom stays, a region that has gone goes, and nothing is there twice."""
    report(history_of(snapshot_of(region_of("sram", FRAMES, TAKEN), region_of("psram"))))
    box = "return document.querySelector('svg.memory-map-frames').getAttribute('viewBox')"
    before = chromium.execute_script(box)
    chromium.find_element(By.CSS_SELECTOR, ".memory-map-zoom").click()
    zoomed = chromium.execute_script(box)
    assert zoomed != before
    again = {"regions": [region_of("sram", FRAMES, [(0, 1, "guard")])]}
    chromium.execute_script("drawMemoryMap(document.getElementById('map'), arguments[0])", again)
    assert len(maps(chromium)) == 1
    assert chromium.execute_script(box) == zoomed
    point_at_zoomed = maps(chromium)[0]
    point_at_zoomed.send_keys(Keys.HOME)
    assert tooltip(chromium)["state"] == "guard of a debug tier"
    assert console_messages(chromium) == []


def test_a_region_of_32768_frames_is_drawn_at_once(chromium, report):
    """As a few elements, however many runs there are."""
    taken = [(frame, 1, "allocated") for frame in range(0, 32768, 2)]
    report(history_of(snapshot_of(region_of("psram", 32768, taken))))
    assert chromium.execute_script("return document.querySelectorAll('#map *').length") < 100
    maps(chromium)[0].send_keys(Keys.END)
    assert tooltip(chromium)["address"] == f"{BASE + 32767 * FRAME_SIZE:#x} to {BASE + 32768 * FRAME_SIZE:#x}"
