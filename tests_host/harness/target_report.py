"""The report by target at the end of a run with `--target`."""

from collections import Counter

from harness.target_files import CPYTHON

TARGET, STATE, LEAST_HEAP, WORDS = "target", "state", "least_heap", "lacks"
"""What a test of a target tells of itself: names of pytest's user_properties."""
PASSED, FAILED, NOT_RUN, NOT_FIT = "passed", "failed", "not run", "do not fit"


class Row:
    """What was seen of a target."""

    def __init__(self):
        self.tests = Counter()
        self.seconds = 0.0
        self.least_heap = None
        self.unfit = {}  # what is lacking -> test files

    def add(self, report, properties):
        """Count one of pytest's reports: each test has three."""
        self.seconds += report.duration
        if report.when != "call" and not report.failed:
            return
        state = properties.get(STATE) or (FAILED if report.failed else PASSED)
        self.tests[state] += 1
        if state == NOT_FIT:
            file = report.location[0].rpartition("/")[2].removesuffix(".py")
            self.unfit.setdefault(properties[WORDS], []).append(file)
        heap = properties.get(LEAST_HEAP)
        if heap is not None:
            self.least_heap = min(heap, self.least_heap or heap)


def aligned(lines):
    """Return the *lines*, lists of texts, as text in columns: the first two to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [
        "  ".join(
            text.ljust(width) if i < 2 else text.rjust(width) for i, (text, width) in enumerate(zip(line, widths))
        )
        for line in lines
    ]


class Report:
    """A plugin of the process that the user has started."""

    def __init__(self, targets):
        self._targets = targets
        self._rows = {target.text: Row() for target in targets}
        self._cpython = next((target.text for target in targets if target.name == CPYTHON), None)

    def pytest_report_header(self):
        return [f"target {target.text}: {target.described()}" for target in self._targets]

    def pytest_runtest_logreport(self, report):
        properties = dict(report.user_properties)
        self._rows[properties.get(TARGET, self._cpython)].add(report, properties)

    def lines(self):
        """Return the report, as lines."""
        heading = ["target", "board", PASSED, FAILED, NOT_RUN, f"files that {NOT_FIT}", "seconds", "least heap free"]
        table = [heading]
        for target in self._targets:
            row = self._rows[target.text]
            numbers = [str(row.tests[state]) for state in (PASSED, FAILED, NOT_RUN, NOT_FIT)]
            heap = "-" if row.least_heap is None else f"{row.least_heap:,}"
            table.append([target.text, target.name, *numbers, f"{row.seconds:.1f}", heap])
        lines = aligned(table)
        for target in self._targets:
            for words, files in sorted(self._rows[target.text].unfit.items()):
                lines.append(f"{target.text} lacks {words}: {', '.join(sorted(set(files)))}")
        return lines

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("by target")
        for line in self.lines():
            terminalreporter.line(line)
