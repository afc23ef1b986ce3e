"""The three tiers of the tests: what `make test` runs, what `make check` adds, and what is left for a release.

This is the only place that says so. `make tiers-table` writes the table of CONTRIBUTING.md from it. A test is one of

- a test file of tests_target on a runner: the `Kind` of the file says in which tier;
- a test of tests_host that takes long: LEFT_OUT says which tier has it;
- a test with an `Amount`: it runs in two tiers, with a smaller number in `make test`;
- any other test, which runs in `make test` alone.

So each test is in a tier, and `make test`, `make check` and `make check-release` together are all of them.
"""

import re
from dataclasses import dataclass
from functools import cache
from zlib import crc32

from harness import target_files
from harness.target_files import CPYTHON

TEST = "test"
CHECK = "check"
RELEASE = "release"
ALL = "all"
TIERS = (TEST, CHECK, RELEASE, ALL)

UNIX = "UNIX"
AN385, AN500, AN505 = "MPS2_AN385", "MPS2_AN500", "MPS2_AN505"
NETDUINO = "NETDUINO_PLUS_2"
PICO, PICO2 = "RPI_PICO", "RPI_PICO2"
PIMORONI, SPARKFUN = "PIMORONI_PICO_PLUS2", "SPARKFUN_PROMICRO_RP2350"
BYTECODE = "UNIX_BYTECODE"  # the engine without machine code, with words of 64 bits
# MicroPython that others built; WebAssembly is without machine code, with words of 32 bits.
STOCK = STOCK_UNIX, WEBASSEMBLY = "STOCK_UNIX", "WEBASSEMBLY"
OF_EACH_CORE = (CPYTHON, UNIX, BYTECODE, *STOCK, AN385, AN500, AN505, NETDUINO, PICO)
OF_EACH_CHIP = (*OF_EACH_CORE, PICO2)
OF_EACH_MEMORY_PLAN = (*OF_EACH_CHIP, PIMORONI)
RUNNERS = (*OF_EACH_MEMORY_PLAN, SPARKFUN)
OTHER_QEMU_BOARDS = (AN500, AN505, NETDUINO)
OTHER_BOARDS = (*OTHER_QEMU_BOARDS, PICO, PICO2, PIMORONI)


@dataclass(frozen=True)
class Kind:
    """Files of tests_target that run on the same runners in `make test`, and on the same in `make check`. A tuple among
    the runners stands for one of them: which one, the name of the file decides. `make check-release` has the others."""

    name: str
    why: str
    test: tuple
    check: tuple
    files: tuple | None  # None: all that are of no other kind


KINDS = (
    Kind(
        "of the memory plan",
        "Booting and PSRAM. SPARKFUN_PROMICRO_RP2350 has the plan of PIMORONI_PICO_PLUS2, and runs only `boot` and "
        "`psram`.",
        OF_EACH_MEMORY_PLAN,
        (SPARKFUN,),
        ("test_boot", "test_boot_in_heap", "test_claim", "test_psram"),
    ),
    Kind(
        "of the collector's memory",
        "Which areas there are: one on RPI_PICO, two with PSRAM on PIMORONI_PICO_PLUS2. Those of RPI_PICO2 are as on "
        "RPI_PICO, and test_stock_claim.py changes them on both chips.",
        tuple(runner for runner in OF_EACH_MEMORY_PLAN if runner != PICO2),
        (PICO2,),
        ("test_collector",),
    ),
    Kind(
        "of the chip",
        "Interrupts, DMA and locks differ from chip to chip; and one pass of random operations. PIMORONI_PICO_PLUS2 "
        "has the chip of RPI_PICO2.",
        OF_EACH_CHIP,
        (),
        (
            "test_cache_registers",
            "test_debug_interrupts",
            "test_deep_interrupts",
            "test_deep_programs",
            "test_dma",
            "test_handler_storm",
            "test_interrupts",
            "test_port_timer",
            "test_random_operations",
            "test_raw_calls",
            "test_shared_regions",
            "test_timer",
            "test_turns",
        ),
    ),
    Kind(
        "of the core",
        "Two threads, which run the same bytecode on both chips of ports/rp2, and RuVix' memory.",
        OF_EACH_CORE,
        (PICO2,),
        ("test_loading", "test_ruvix_memory"),
    ),
    Kind(
        "of the machine code",
        "Word for word. All boards have the same machine code of the calls: test_two_cores.py compares the bytes. So "
        "the MPS2 boards share the bitmaps, and try all of them together. The RP2350 has the core of MPS2_AN505; the "
        "emulated Pico takes longest.",
        (AN385, AN500, AN505, NETDUINO),
        (),
        ("test_machine_code",),
    ),
    Kind(
        "of the core, longer",
        "One call interrupts another: half a minute of each MPS2 board, and up to three of the chips of Raspberry Pi, "
        "whose interrupts other files cover. All boards have the same code of the calls. NETDUINO_PLUS_2 interrupts "
        "each call at each of its instructions, at every fifth by the same handler; MPS2_AN385 at each by each. "
        "`handler_storm` allocates in handlers on each chip.",
        (NETDUINO,),
        ((AN500, AN505),),
        ("test_deferred_in_handlers", "test_interrupted_calls"),
    ),
    Kind(
        "of each instruction",
        "A power cut after each of them: MPS2_AN385 tries them all, the others some, in the same code.",
        (AN385,),
        (OTHER_BOARDS,),
        ("test_cut_calls",),
    ),
    Kind(
        "of values",
        "Arithmetic that touches no memory: 64 bits on hosts, 32 bits and the highest addresses on MPS2_AN500.",
        (CPYTHON, UNIX, STOCK, AN500),
        (tuple(board for board in OTHER_BOARDS if board != AN500),),
        ("test_frame_range", "test_ruvix_types", "test_seed_example", "test_theseus_scenarios"),
    ),
    Kind(
        "of many cases",
        "The number of frames or of regions decides how long it takes, and the unix port has most.",
        (CPYTHON, STOCK, AN385),
        (OTHER_BOARDS,),
        ("test_largest_free", "test_merits"),
    ),
    Kind(
        "of whole calls",
        "What comes into the middle of a call as bytecode, with words of 64 and of 32 bits.",
        (UNIX, BYTECODE, *STOCK),
        (),
        ("test_whole_calls",),
    ),
    Kind(
        "of the library, longer",
        "As the next row. They take minutes on the chips of Raspberry Pi.",
        (CPYTHON, UNIX, STOCK, AN385),
        (OTHER_QEMU_BOARDS,),
        (
            "test_bad_input",
            "test_call_places",
            "test_debug",
            "test_memory_plans",
            "test_quarantine",
            "test_retained",
            "test_theseus_functions",
        ),
    ),
    Kind(
        "of the library",
        "The same bytecode on every board, on top of the engine. One board shows what 32 bits and a small heap do, and "
        "MicroPython that others built the package of source; another board what may differ after all.",
        (CPYTHON, UNIX, STOCK, AN385),
        (OTHER_BOARDS,),
        None,
    ),
)


@dataclass(frozen=True)
class Amount:
    """How much a test does in `make test` and in the tier that does more: what it gets, and how to say it."""

    text: str
    test: int
    more: int
    tier: str = CHECK

    def of(self, tier):
        return self.test if tier == TEST else self.more

    def said(self, tier):
        return self.text.format(self.of(tier)).replace("one in 1 of", "all")


HOST_TESTS = "tests_host/"
"""Before each of the names below."""

ONE_MAP_IN = "one in {} of 65,536 maps"

AMOUNTS = {
    "test_two_cores.py::test_half_a_million_operations": Amount(
        "{:,} operations on each board", 50_000, 450_000, RELEASE
    ),
    "test_rp2_resets.py::test_kept_over_resets": Amount("{} resets of each kind", 2, 6, RELEASE),
    "test_rp2_resets.py::test_kept_over_resets[RPI_PICO2-watchdog]": Amount("{} resets", 2, 5, RELEASE),
    "test_rp2_resets.py::test_all_is_lost_when_run_switches_sram_off": Amount("{} resets of each kind", 2, 10, RELEASE),
    "test_resets.py::test_resets[MPS2_AN385]": Amount("{:,} resets", 30, 230, RELEASE),
    "test_resets.py::test_resets[MPS2_AN500]": Amount("{} resets", 15, 75, RELEASE),
    "test_resets.py::test_resets[MPS2_AN505]": Amount("{} resets", 15, 75, RELEASE),
    "test_resets.py::test_resets[NETDUINO_PLUS_2]": Amount("{} resets", 15, 105, RELEASE),
    "test_model.py::test_every_sequence_of_operations_agrees_with_the_model": Amount(
        "{} sequences of 40 operations", 60, 250
    ),
    "test_made_memory_plans.py::test_every_request_lands_where_the_model_says": Amount(
        "{} plans with requests", 100, 300
    ),
    "test_exhaustive.py::test_on_cpython": Amount(ONE_MAP_IN, 61, 1, RELEASE),
    "test_exhaustive.py::test_on_the_unix_port": Amount(ONE_MAP_IN, 31, 1),
    "test_exhaustive.py::test_sample_of_the_constraint_tuples_on_cpython": Amount(ONE_MAP_IN, 509, 61, RELEASE),
    "test_power_cuts.py::test_operations_on_records": Amount(
        "all cuts; one in {} of them with cuts of the attaching that follows", 24, 6
    ),
}
"""Test, with its parameters or without -> its Amount."""

LEFT_OUT = {
    CHECK: {
        "test_power_cuts.py::test_calls_of_a_region[6 frames within a word]": "the same calls on other frames",
        "test_two_cores.py::test_constraints[RPI_PICO2]": "the same search as on RPI_PICO",
        "test_examples.py::test_example[RPI_PICO-dma_ring]": "test_make_run runs it",
        "test_package_manifest.py::test_own_firmware_with_the_manifest_boots": "it builds that firmware",
        "test_stock_claim.py::test_what_is_refused[RPI_PICO2]": "the same bytecode as on RPI_PICO",
        "test_stock_claim.py::test_heap_that_is_used_above[RPI_PICO2]": "the same bytecode as on RPI_PICO",
        "test_setup.py::test_requirements_that_cannot_be_installed_*": "two environments; make build makes one",
        "test_reference.py::test_site*": "`make test` tries each entry, which Sphinx then makes pages of",
        "test_packaged_library.py::test_a_file_for_each_part*": "stock firmware runs a few others",
        "test_look.py::test_a_pseudo_terminal_where_a_program_prints": "a slower way to a program that runs",
        "test_look_report.py::test_a_region_of_32768_frames_is_drawn_at_once": "more frames than boards have",
        "test_browser_page.py::*[coming_and_going.py]": "it sleeps, for somebody who watches",
        "test_browser_page.py::*[demonstration.py]": "test_documents.py runs it on boards",
        "test_browser_page.py::*[fragmentation.py]": "it sleeps, for somebody who watches",
        "test_browser_page.py::*[owners.py]": "a map with an owner is in another test",
        "test_browser_page.py::*[printing]": "a program that sleeps is stopped in the same way",
        "test_browser_page.py::*[ring_and_pixels.py]": "the page runs it as it runs first_frames.py",
        "test_browser_page.py::*[silent]": "Ctrl-C stops such a statement in another test",
        "test_browser_page.py::*[waiting]": "a program that sleeps is stopped in the same way",
        "test_browser_page.py::test_a_program_that_is_not_python*": "the prompt says so in another test",
        "test_browser_page.py::test_an_address_that_webassembly_has_not*": "a failed start ends so, too",
        "test_browser_page.py::test_sys_exit*": "a program that ends by itself is in another test",
        "test_targets.py::test_a_stock_pico_with_the_package": "test_stock_pico.py runs the package there",
        "test_farm.py::*": "they start a dozen programs of labgrid; test_targets.py has the boards without it",
        "test_emulator_faults.py::test_fault_is_found*": "they try the tests themselves",
    },
    RELEASE: {
        "test_power_cuts.py::test_calls_of_a_region[5 blocks of 13 frames]": "the same calls on other blocks",
        "test_power_cuts.py::test_calls_of_a_region[5 blocks of a word]": "the same calls on other blocks",
        "test_examples.py::test_example[RPI_PICO2-*": "dma_chain runs on PIMORONI_PICO_PLUS2, of its chip",
        "test_examples.py::test_example[MPS2_AN50*": "the same programs as on MPS2_AN385",
        "test_examples.py::test_handler_takes_no_heap[RPI_PICO*-audio_*": "the same bytecode as on MPS2_AN385",
        "test_examples.py::test_handler_takes_no_heap[RPI_PICO2-packet*": "the same bytecode as on RPI_PICO",
        "test_examples.py::test_framebuffer_without_psram*": "test_psram_boards.py boots without PSRAM as well",
        "test_examples.py::test_make_run[RPI_PICO2]": "PIMORONI_PICO_PLUS2 has its chip, and PSRAM besides",
        "test_examples.py::test_make_run[MPS2_AN500]": "the same programs as on MPS2_AN385",
        "test_examples.py::test_make_run[MPS2_AN505]": "the same programs as on MPS2_AN385",
        "test_examples.py::test_make_run[SPARKFUN_PROMICRO_RP2350]": "the same as on PIMORONI_PICO_PLUS2",
        "test_examples.py::test_make_run_without_psram": "test_psram_boards.py boots without PSRAM as well",
        "test_psram_boards.py::*[SPARKFUN_PROMICRO_RP2350*": "the memory plan of PIMORONI_PICO_PLUS2",
        "test_interrupting.py::*64_kib*[MPS2_AN50*": "the port's code and the UART of MPS2_AN385",
        "test_interrupting.py::test_a_mounted_folder[MPS2_AN50*": "the port's code and the UART of MPS2_AN385",
        "test_stock_claim.py::test_kept_over[*-watchdog]": "machine.reset() of ports/rp2 resets by the watchdog",
        "test_packaged_library.py::test_the_other_files*": "they use the same modules",
        "test_targets.py::*[RPI_PICO]": "MPS2_AN505 is at a serial port as well, and takes less time",
        "test_targets.py::*[NETDUINO_PLUS_2]": "MPS2_AN505 is at a serial port as well, and takes less time",
    },
}
"""Tier -> {test: why `make test` does without it}. A * stands for any characters."""

_PATTERNS = {
    pattern: re.compile(re.escape(HOST_TESTS + pattern).replace(r"\*", ".*"))
    for left_out in LEFT_OUT.values()
    for pattern in left_out
}
_ANY_PATTERN = re.compile("|".join(pattern.pattern for pattern in _PATTERNS.values()))


def kind_of(file):
    """Return the Kind of the test file *file* of tests_target, a name such as "test_boot"."""
    return next(kind for kind in KINDS if kind.files is None or file in kind.files)


def amount_of(test):
    """Return the Amount of *test*, a name such as in AMOUNTS; None if it has none."""
    name = test.removeprefix(HOST_TESTS)
    return AMOUNTS.get(name) or AMOUNTS.get(name.partition("[")[0])


def pattern_of(test):
    """Return the key of LEFT_OUT that *test* is left out by; None if it is not."""
    if not _ANY_PATTERN.fullmatch(test):  # most tests: this runs for each of thousands, in each process of pytest
        return None
    return next(name for name, pattern in _PATTERNS.items() if pattern.fullmatch(test))


@cache
def _chosen(choices, path):
    """Return the runners that *choices* stand for: those that it names, and of each tuple one that is for the file."""
    target_file = target_files.read(path)
    chosen = [choice for choice in choices if isinstance(choice, str)]
    for choice in choices:
        runners = [] if isinstance(choice, str) else [each for each in choice if target_file.is_for(each, "x86_64")]
        if runners:
            chosen.append(runners[crc32(path.stem.encode()) % len(runners)])
    return chosen


def _tier_on(runner, path):
    """Return the tier in which the test file at *path* runs on *runner*."""
    kind = kind_of(path.stem)
    return next((tier for tier in (TEST, CHECK) if runner in _chosen(getattr(kind, tier), path)), RELEASE)


def tiers_of(test, runner=None, path=None):
    """Return the tiers that *test* is in: of a test of tests_target, give the *path* of its file and the *runner*. A
    board that is none of RUNNERS is like RPI_PICO: that has in `make test` what differs from board to board."""
    if runner:
        return (_tier_on(runner if runner in RUNNERS else PICO, path),)
    if amount_of(test):
        return TEST, amount_of(test).tier
    pattern = pattern_of(test)
    return (next((tier for tier in LEFT_OUT if pattern in LEFT_OUT[tier]), TEST),)


def _said(choices, runners):
    """Return how the table names what *choices* stand for, of these *runners*."""
    names = []
    for choice in choices:
        among = [runner for runner in ([choice] if isinstance(choice, str) else choice) if runner in runners]
        names += [", ".join(among)] if len(among) < 2 else [f"one of {', '.join(among[:-1])} or {among[-1]}"]
    return ", ".join(filter(None, names)) or "-"


def _rows():
    """Return a row of the table for each kind."""
    files = target_files.test_files()
    for kind in KINDS:
        of_kind = [file for file in files if kind_of(file.path.stem) == kind]
        names = ", ".join(f"`{file.path.stem.removeprefix('test_')}`" for file in of_kind)
        runners = [runner for runner in RUNNERS if any(file.is_for(runner, "x86_64") for file in of_kind)]
        columns = [_said(getattr(kind, tier), runners) for tier in (TEST, CHECK)]
        left = [runner for runner in runners if not {runner} & {*kind.test, *kind.check}]
        shared = [runner for choice in (*kind.test, *kind.check) if not isinstance(choice, str) for runner in choice]
        alone = [runner for runner in left if runner not in shared]
        rest = ", ".join([*alone, *(["the others of these"] if len(alone) < len(left) else [])]) or "-"
        yield f"**{kind.name}**: {names}", kind.why, *columns, rest


def table():
    """Return the table of CONTRIBUTING.md, as lines: it is the same on all hosts."""
    lines = [
        "| files of `tests_target/` | why | `make test` runs them on | `make check` on | `make check-release` on |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in _rows()),
        "",
        "| test of `tests_host/` | `make test` | `make check` | `make check-release` |",
        "|---|---|---|---|",
    ]
    for test, amount in AMOUNTS.items():
        more = [amount.said(tier) if tier == amount.tier else "-" for tier in (CHECK, RELEASE)]
        lines.append(f"| `{test}` | {amount.said(TEST)} | {' | '.join(more)} |")
    for test, why in (LEFT_OUT[CHECK] | LEFT_OUT[RELEASE]).items():
        columns = [f"yes: {why}" if test in LEFT_OUT[tier] else "-" for tier in (CHECK, RELEASE)]
        lines.append(f"| `{test}` | - | {' | '.join(columns)} |")
    lines.append("| all others | yes | - | - |")
    return lines
