"""Use the page of build/browser in Chromium as a person does: type, run, point, and read what it shows."""

import re

from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from chromium import SCRIPT_SECONDS

PROMPT = "#prompt .cm-content"
EDITOR = "#editor .cm-content"
FRAMES_IN_A_ROW = 64  # of the map, in a window as wide as Chromium's is here
_KEYS = {value for name, value in vars(Keys).items() if name.isupper()}

_PRINTED = """
    const printed = (kind) =>
        [...document.querySelectorAll(`#output [data-kind=${kind}]`)].map((piece) => piece.textContent).join('');
"""
_AFTER_DRAWING = """
    const afterDrawing = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
"""


class Page:
    """The page at `address`, in the tab that *chromium* shows. What waits gives up with a TimeoutException."""

    def __init__(self, chromium, address):
        self.chromium = chromium
        self.address = address

    def open(self):
        """Load the page, and wait until the board has started."""
        self.chromium.get(self.address)
        self.wait_until_ready()

    def element(self, name):
        """Return the element of the page whose id is *name*."""
        return self.chromium.find_element(By.ID, name)

    def status(self):
        return self.chromium.execute_script("return document.querySelector('#status').textContent.trim()")

    def output(self):
        return self.chromium.execute_script("return document.querySelector('#output').textContent")

    def printed(self, kind="text"):
        """Return what was printed as text, or what is of another kind: "error", "typed" or "note"."""
        return self.chromium.execute_script(_PRINTED + "return printed(arguments[0])", kind)

    def _gave_up(self, what):
        return TimeoutException(f"waited for {what}; status: {self.status()}; output:\n{self.output()}")

    def wait_for(self, condition, what):
        """Wait until *condition* holds: *what* says so in words."""
        try:
            WebDriverWait(self.chromium, SCRIPT_SECONDS, 0.05).until(lambda _: condition())
        except TimeoutException as error:
            raise self._gave_up(what) from error

    def wait_until_drawn(self):
        """Wait until what was printed before this call is in the output."""
        self.chromium.execute_async_script(_AFTER_DRAWING + "afterDrawing(arguments[0])")

    def wait_until_ready(self):
        """Wait until nothing runs, and what it printed is drawn. RuntimeError if the board failed."""
        script = """
            const done = arguments[0];
            const look = () => {
                const { state } = document.body.dataset;
                if (state === 'ready' || state === 'failed') afterDrawing(() => done(state));
                else setTimeout(look, 10);
            };
            look();"""
        try:
            state = self.chromium.execute_async_script(_AFTER_DRAWING + script)
        except TimeoutException as error:
            raise self._gave_up("the board to be ready") from error
        if state == "failed":
            raise RuntimeError(f"the board failed; output:\n{self.output()}")

    def type_into(self, selector, *texts_and_keys):
        """Press keys, such as Keys.CONTROL + "c", and enter each text at once, as from a clipboard: to press a key for
        each letter takes long."""
        script = "const field = document.querySelector(arguments[0]); field.focus(); return field"
        field = self.chromium.execute_script(script, selector)
        for text in texts_and_keys:
            if text[:1] in _KEYS:
                field.send_keys(text)
            else:
                self.chromium.execute_cdp_cmd("Input.insertText", {"text": text})

    def type_at_prompt(self, *texts_and_keys):
        """Type at the prompt, then Enter; return what was printed since, errors behind text."""
        script = _PRINTED + "return [printed('text'), printed('error')]"
        before = self.chromium.execute_script(script)
        self.type_into(PROMPT, *texts_and_keys, Keys.ENTER)
        self.wait_until_ready()
        return "".join(now[len(text) :] for now, text in zip(self.chromium.execute_script(script), before))

    def clear_prompt(self):
        self.chromium.find_element(By.CSS_SELECTOR, PROMPT).send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)

    def write_program(self, program):
        """Replace what is in the editor."""
        self.chromium.find_element(By.CSS_SELECTOR, EDITOR).send_keys(Keys.CONTROL, "a", Keys.NULL)
        self.type_into(EDITOR, program)

    def choose(self, title):
        """Put the example with that *title* into the editor."""
        Select(self.element("examples")).select_by_visible_text(title)

    def titles(self):
        script = "return [...document.querySelectorAll('#examples option')].map((option) => option.text)"
        return self.chromium.execute_script(script)

    def run(self):
        """Run the program to its end."""
        self.element("run").click()
        self.wait_until_ready()

    def reset(self):
        """Start the board again, with nothing at the prompt."""
        self.clear_prompt()
        self.element("reset").click()
        self.wait_until_ready()

    def fact(self, region, term):
        """Return a number that the map shows beside *region*, such as "used" or "free"."""
        script = """
            const card = [...document.querySelectorAll('#map section')].find(
                (card) => card.querySelector('h3').textContent === arguments[0]);
            const term = [...card.querySelectorAll('dt')].find((term) => term.textContent === arguments[1]);
            return term.nextElementSibling.textContent"""
        text = self.chromium.execute_script(script, region, term)  # at once: the map may be drawn again meanwhile
        return int(re.match(r"[\d,]+", text)[0].replace(",", ""))

    def used(self):
        """Return how many frames of both regions are used, by the map."""
        return self.fact("sram", "used") + self.fact("psram", "used")

    def frames(self, region):
        """Return the element with the frames of *region*."""
        path = f"//*[@id='map']//section[.//h3[normalize-space()='{region}']]//*[contains(@class, 'memory-map-frames')]"
        return self.chromium.find_element(By.XPATH, path)

    def point_at(self, region, frame):
        """Move the pointer to the middle of *frame*, a number, of *region*. Return what tooltip() does then."""
        drawn = self.frames(region)
        self.chromium.execute_script("arguments[0].scrollIntoView({block: 'nearest'})", drawn)
        rows = -(-(self.fact(region, "used") + self.fact(region, "free")) // FRAMES_IN_A_ROW)
        row, column = divmod(frame, FRAMES_IN_A_ROW)
        size = drawn.size
        x = round(((column + 0.5) / FRAMES_IN_A_ROW - 0.5) * size["width"])  # from the middle of the map
        y = round(((row + 0.5) / rows - 0.5) * size["height"])
        ActionChains(self.chromium, duration=0).move_to_element_with_offset(drawn, x, y).perform()
        return self.tooltip()

    def tooltip(self):
        """Return what the map says about the frames pointed at: {term: text}; empty if it says nothing."""
        script = """
            const tooltip = document.querySelector('.memory-map-tooltip');
            const texts = (tag) => [...tooltip.querySelectorAll(tag)].map((cell) => cell.innerText);
            return tooltip.checkVisibility() ? [texts('dt'), texts('dd')] : [[], []]"""
        return dict(zip(*self.chromium.execute_script(script)))
