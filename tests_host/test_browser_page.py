"""The page of docs/browser in a headless Chromium, from a server on this machine: what a person does there."""

import itertools
import json
import os
import re
import subprocess

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser_page import make
from browser_page.driver import EDITOR, PROMPT, Page
from chromium import console_messages, new_tab
from emulated_board import BUILD, ROOT
from folder_server import served

FOLDER = BUILD / "browser"
PRINTED = re.compile(r"# -> (.*)$", re.MULTILINE)
SRAM_FRAMES, PSRAM_FRAMES = 256 * 1024 // 1024, 2 * 1024 * 1024 // 4096

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture(scope="module")
def address():
    with served(FOLDER) as address:
        yield address


@pytest.fixture(scope="module")
def loaded(chromium, address):
    with new_tab(chromium):
        page = Page(chromium, address)
        page.open()
        yield page


@pytest.fixture
def page(loaded):
    """Yield the page as an earlier test left it: ready, with nothing at the prompt. A test that needs all memory free
    runs a program or resets the board. The page must not write anything to its console."""
    yield loaded
    assert console_messages(loaded.chromium) == []


def test_everything_comes_from_one_server(page):
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    of_page = page.chromium.execute_script(script)
    names = "json.dumps([entry.name for entry in js.performance.getEntriesByType('resource')])"
    of_worker = json.loads(page.type_at_prompt(f"import js, json; print({names})"))
    assert any(name.endswith("/page.js") for name in of_page)
    assert any(name.endswith("/micropython.wasm") for name in of_worker)
    assert [name for name in of_page + of_worker if not name.startswith(page.address + "/")] == []


def test_another_server_is_not_asked(page):
    """The page's own rule forbids it: another port is another origin. Only that rule can: a request with no-cors gets
    through otherwise."""
    script = "fetch(arguments[0], {mode: 'no-cors'}).then(() => 'sent', (error) => `${error}`).then(arguments[1])"
    with served(FOLDER) as other:
        assert page.chromium.execute_async_script(script, other) == "TypeError: Failed to fetch"
    assert any("Content Security Policy" in text for text in console_messages(page.chromium))


def test_it_says_that_the_memory_is_not_real(page):
    notice = page.chromium.find_element(By.CSS_SELECTOR, ".notice")
    assert notice.is_displayed() and "This memory is not real." in notice.text
    for what in ("WebAssembly's linear memory", "not a chip's", "no DMA", "no interrupt"):
        assert what in notice.text


def test_a_line_at_the_prompt_shows_its_value_and_changes_the_map_and_reset_gives_all_memory_back(page):
    page.type_at_prompt("import physmem; physmem.retain('log', 4096); frames = physmem.dma_ring(8192).map()")
    page.reset()
    assert page.used() == 0
    assert page.fact("sram", "free") == SRAM_FRAMES and page.fact("psram", "free") == PSRAM_FRAMES
    assert "NameError" in page.type_at_prompt("frames")
    page.type_at_prompt("import physmem; frames = physmem.allocate_frames(10, region='sram')")
    assert page.type_at_prompt("frames.count, frames.nbytes") == "(10, 10240)\n"
    assert page.fact("sram", "used") == 10 and page.fact("sram", "free") == SRAM_FRAMES - 10
    page.type_at_prompt("frames.free()")
    assert page.fact("sram", "used") == 0
    assert page.type_at_prompt("physmem.retain('log', 4096).fresh") == "True\n"


def test_a_statement_of_several_lines_and_earlier_ones(page):
    assert page.type_at_prompt("for i in range(3):", Keys.ENTER, "print(i * 7)", Keys.ENTER) == "0\n7\n14\n"
    assert page.type_at_prompt("6 * 7") == "42\n"
    assert page.type_at_prompt(Keys.ARROW_UP) == "42\n"
    assert page.type_at_prompt("print('•')") == "•\n"


def test_ctrl_c_at_the_prompt_drops_what_was_typed(page):
    page.type_into(PROMPT, "print(1", Keys.CONTROL + "c")
    assert page.type_at_prompt("2 + 2") == "4\n"


def test_a_mistake_at_the_prompt_shows_where_and_why(page):
    text = page.type_at_prompt("physmem_of_nobody")
    assert text.splitlines()[0] == "Traceback (most recent call last):"
    assert 'File "<stdin>", line 1' in text and "NameError" in text and "session.py" not in text
    assert "SyntaxError" in page.type_at_prompt("1 +")
    assert page.type_at_prompt("5") == "5\n"


@pytest.mark.parametrize("path", make.EXAMPLES, ids=lambda path: path.name)
def test_example_prints_what_it_says(page, path):
    """A comment ``# -> text`` is a line that the example prints; one without them ends with a check of all memory."""
    program = path.read_text()
    title = make.title_of(program, path.name)
    assert page.titles().count(title) == 1
    page.choose(title)
    page.run()
    assert page.printed("error") == ""
    lines = page.printed().splitlines()
    if PRINTED.search(program):
        assert lines == PRINTED.findall(program)
    else:
        assert lines[-1] == "check: nothing is wrong"
    assert page.type_at_prompt("import physmem; print(physmem.check())") == "[]\n"


def test_pointing_at_frames_says_what_they_are(page):
    page.reset()
    statements = (
        "import physmem; sram = physmem.region('sram'); physmem.debug(owners=True)",
        "ring = physmem.allocate_frames_at(sram.addr(100), 3, owner='camera').map()",
        "log = physmem.retain('crash log', 2048, prefer='FAST')",
        "sram.addr(100), sram.frame(log.addr)",
    )
    address, log = json.loads(page.type_at_prompt("; ".join(statements)).translate(str.maketrans("()", "[]")))
    told = page.point_at("sram", 101)
    assert told["region"] == "sram" and told["frames"] == "100 to 102, 3 frames"
    assert told["address"] == f"0x{address:08x} to 0x{address + 3 * 1024:08x}"
    assert told["state"].startswith("mapped") and told["owner"] == "camera"
    assert told["here"] == f"frame 101 at 0x{address + 1024:08x}"
    told = page.point_at("sram", log)
    assert told["name"] == "crash log" and told["state"].startswith("retained")
    told = page.point_at("psram", 5)
    assert told["state"] == "free" and told["frames"] == f"0 to {PSRAM_FRAMES - 1}, {PSRAM_FRAMES} frames"


def test_ctrl_enter_runs_and_a_program_with_a_mistake_shows_its_traceback(page):
    page.write_program("def f(x):\n    return 1 // x\n\nprint(f(1))\nf(0)\n")
    page.type_into(EDITOR, Keys.CONTROL + Keys.ENTER)
    page.wait_until_ready()
    assert page.printed() == "1\n"
    text = page.printed("error")
    assert 'File "<stdin>", line 5, in <module>' in text and 'File "<stdin>", line 2, in f' in text
    assert text.splitlines()[-1].startswith("ZeroDivisionError")


def test_a_program_that_is_not_python_says_so(page):
    page.write_program("def (:")
    page.run()
    assert "SyntaxError" in page.printed("error")


def test_sys_exit_ends_quietly(page):
    page.write_program("import sys\nprint('before')\nsys.exit()\nprint('behind')\n")
    page.run()
    assert page.printed() == "before\n" and page.printed("error") == ""


ENDLESS = {
    "silent": "import physmem\nx = physmem.allocate_frames(7)\nprint('started')\nwhile True: pass\n",
    "printing": "import physmem\nx = physmem.allocate_frames(7)\nprint('started')\nwhile True: print('y' * 70)\n",
    "sleeping": "import physmem, time\nx = physmem.allocate_frames(7)\nprint('started')\ntime.sleep(1000)\n",
    "waiting": "import physmem, asyncio\nx = physmem.allocate_frames(7)\nprint('started')\nawait asyncio.sleep(1000)\n",
}


def enabled(page):
    """Return which buttons do something."""
    script = "return [...document.querySelectorAll('.tools button:enabled')].map((button) => button.id)"
    return set(page.chromium.execute_script(script))


@pytest.mark.parametrize("how", ENDLESS)
def test_an_endless_program_is_stopped_and_the_board_reset(page, how):
    """Until then a second Run waits, and what is typed at the prompt."""
    assert enabled(page) == {"run", "reset"}
    page.write_program(ENDLESS[how])
    page.element("run").click()
    page.wait_for(lambda: "started" in page.printed() or "yyy" in page.printed(), "the program to start")
    assert enabled(page) == {"stop", "reset"}
    if how in ("sleeping", "waiting"):  # the map shows what a program has while it sleeps
        page.wait_for(lambda: page.used() == 7, "7 frames in the map")
    page.write_program("print('second')")
    page.type_into(EDITOR, Keys.CONTROL + Keys.ENTER)
    page.type_into(PROMPT, "3 * 3", Keys.ENTER)
    page.wait_until_drawn()
    assert page.status() == "The program runs ..." and page.printed("typed") == ""
    assert page.printed() and "second" not in page.printed()
    page.element("stop").click()
    page.wait_until_ready()
    assert "Stopped. The board was reset" in page.printed("note")
    assert len(page.output()) < 150_000
    assert page.used() == 0
    assert page.type_at_prompt("") == "9\n"
    assert "NameError" in page.type_at_prompt("x")


def test_ctrl_c_stops_an_endless_statement_and_leaves_what_was_typed_meanwhile(page):
    page.type_into(PROMPT, "while True: pass", Keys.ENTER, Keys.ENTER)
    page.wait_for(lambda: page.status() == "The statement runs ...", "the statement to run")
    page.type_into(PROMPT, "3 * 3", Keys.CONTROL + "c")
    page.wait_until_ready()
    assert page.type_at_prompt("") == "9\n"


def test_a_map_that_cannot_be_had_is_said_to_be_old(page):
    failure = page.element("map-failure")
    page.type_at_prompt("import sys, physmem; physmem = sys.modules.pop('physmem')")
    assert "out of date" in failure.text and "no program has imported physmem" in failure.text
    page.type_at_prompt("sys.modules['physmem'] = physmem")
    assert not failure.is_displayed()


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_screen(page, width):
    size = {"width": width, "height": 780, "deviceScaleFactor": 1, "mobile": width < 600}
    page.chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        root = "document.documentElement"
        assert page.chromium.execute_script(f"return {root}.scrollWidth - {root}.clientWidth") == 0
        for name in ("run", "stop", "reset", "examples"):
            box = page.element(name).rect
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
    finally:
        page.chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def assert_failed(page, why, what_to_do):
    """The page says why in its output, and no button pretends that there is a board."""
    page.wait_for(lambda: "the output says why" in page.status(), "the page to say that the board failed")
    page.wait_until_drawn()
    assert why in page.printed("error") and what_to_do in page.printed("note")
    assert enabled(page) == {"reset"}


MADE = "The board did not start. Run make browser, serve all of build/browser, then press Reset."


def test_a_board_that_does_not_start_says_why_until_reset_finds_all_there(chromium, tmp_path):
    late = ("files.json", "worker.js", "micropython.wasm")
    for path in FOLDER.iterdir():
        if path.name not in late:
            (tmp_path / path.name).symlink_to(path)
    contents = json.loads((FOLDER / "files.json").read_text())
    seconds = itertools.count()

    def write_files(text):
        (tmp_path / "files.json").write_text(text)
        os.utime(tmp_path / "files.json", (next(seconds),) * 2)  # browsers tell versions apart by the second

    with served(tmp_path) as address, new_tab(chromium):
        page = Page(chromium, address)
        chromium.get(address)
        assert_failed(page, "The server of this page did not send files.json (404).", MADE)
        page.type_into(PROMPT, "1 + 1", Keys.ENTER)  # no more does the prompt
        page.wait_until_drawn()
        assert page.printed("typed") == ""
        page.clear_prompt()
        write_files("{")
        page.element("reset").click()
        assert_failed(page, "The page cannot read its files.json", MADE)
        write_files(json.dumps(contents | {"files": {"session.py": "import physmem"}}))
        page.element("reset").click()
        assert_failed(page, "The server of this page did not send worker.js.", MADE)
        (tmp_path / "worker.js").symlink_to(FOLDER / "worker.js")
        page.element("reset").click()
        assert_failed(page, "The server of this page did not send micropython.wasm (404).", MADE)
        (tmp_path / "micropython.wasm").symlink_to(FOLDER / "micropython.wasm")
        page.element("reset").click()
        assert_failed(page, "ImportError: no module named 'physmem'", MADE)
        write_files(json.dumps(contents))
        page.element("reset").click()
        page.wait_until_ready()
        assert page.printed("error") == "" and enabled(page) == {"run", "reset"}
        assert page.type_at_prompt("6 * 7") == "42\n"
        assert page.titles() == [example["title"] for example in contents["examples"]]


def test_an_address_that_webassembly_has_not_stops_the_board_until_reset(page):
    page.write_program("import uctypes\nregister = uctypes.bytearray_at(0x40000000, 4)\nregister[0] = 1\n")
    page.element("run").click()
    assert_failed(
        page,
        "MicroPython itself crashed: memory access out of bounds",
        "The board has stopped. Press Reset to start it again.",
    )
    assert "out of date" in page.element("map-failure").text
    page.reset()
    assert page.type_at_prompt("6 * 7") == "42\n" and not page.element("map-failure").is_displayed()


GOES_ON = {
    "1 + 1": False,
    "x = (1,": True,
    "x = (1,\n2)": False,
    "print(')')": False,
    "print('(')": False,
    "s = '''a": True,
    "s = '''a\n'''": False,
    "s = 'a  # no end": False,
    "a = 1 + \\": True,
    "if a:": True,
    "if a:\n    b": True,
    "if a:\n    b\n    ": False,
    "@decorator": True,
    "async def f():": True,
    "iffy": False,
    "format(1)": False,
    "x = 1  # (": False,
    "[  # ]\n": True,
}


def test_statements_that_go_on_in_the_next_line():
    module = ROOT / "docs" / "browser" / "continuation.mjs"
    script = f"import {{ goesOn }} from {json.dumps(str(module))};"
    script += f"console.log(JSON.stringify({json.dumps(list(GOES_ON))}.map(goesOn)))"
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert dict(zip(GOES_ON, json.loads(done.stdout))) == GOES_ON


def test_titles_of_the_menu():
    assert make.title_of('"""Do this; `make run` sends it."""\n', "a.py") == "Do this"
    with pytest.raises(ValueError, match="a.py has no docstring: start it with one"):
        make.title_of("print(1)\n", "a.py")


def test_a_page_without_the_library_is_not_made(tmp_path):
    with pytest.raises(ValueError, match="there is no physmem.py in .*: run make mip"):
        make.files_of_the_board(tmp_path)
