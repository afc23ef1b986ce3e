"""The two tiers of the tests: which of them `make test` runs, and what `make check` adds.

This is the only place that says so. `make tiers-table` writes the table of CONTRIBUTING.md from it. A test is one of

- a test file of tests_target on a runner: the `Kind` of the file says in which tier;
- a test of tests_host that takes long: ONLY_IN_CHECK leaves it out of `make test`;
- a test with an `Amount`: it runs in both tiers, with a smaller number in `make test`;
- any other test, which runs in `make test` alone.

So no test is in neither tier, and `make test` and `make check` together are all of them.
"""

import re
from dataclasses import dataclass

from harness import target_files
from harness.target_files import CPYTHON

TEST = "test"
CHECK = "check"
ALL = "all"
TIERS = (TEST, CHECK, ALL)

UNIX = "UNIX"
AN385, AN500, AN505 = "MPS2_AN385", "MPS2_AN500", "MPS2_AN505"
NETDUINO = "NETDUINO_PLUS_2"
PICO, PICO2 = "RPI_PICO", "RPI_PICO2"
PIMORONI, SPARKFUN = "PIMORONI_PICO_PLUS2", "SPARKFUN_PROMICRO_RP2350"
OF_EACH_CORE = (CPYTHON, UNIX, AN385, AN500, AN505, NETDUINO, PICO)
OF_EACH_CHIP = (*OF_EACH_CORE, PICO2)
BUT_THE_PICO = tuple(runner for runner in OF_EACH_CHIP if runner != PICO)
OF_EACH_MEMORY_PLAN = (*OF_EACH_CHIP, PIMORONI)
RUNNERS = (*OF_EACH_MEMORY_PLAN, SPARKFUN)


@dataclass(frozen=True)
class Kind:
    """Files of tests_target that run on the same runners in `make test`; on the others `make check` runs them."""

    name: str
    why: str
    runners: tuple
    files: tuple | None  # None: all that are of no other kind


KINDS = (
    Kind(
        "of the memory plan",
        "Booting, the collector's memory and PSRAM. SPARKFUN_PROMICRO_RP2350 has the plan of PIMORONI_PICO_PLUS2, and "
        "runs only `boot` and `psram`.",
        OF_EACH_MEMORY_PLAN,
        ("test_boot", "test_collector", "test_psram"),
    ),
    Kind(
        "of the chip",
        "Interrupts, DMA and locks differ from chip to chip; and one pass of random operations.",
        OF_EACH_CHIP,
        (
            "test_cache_registers",
            "test_debug_interrupts",
            "test_deep_interrupts",
            "test_deep_programs",
            "test_dma",
            "test_handler_storm",
            "test_interrupts",
            "test_random_operations",
            "test_raw_calls",
            "test_shared_regions",
            "test_timer",
            "test_turns",
        ),
    ),
    Kind(
        "of the port",
        "What survives a reset depends on the port's start-up code; test_rp2_resets.py has what differs between the "
        "chips of ports/rp2. The emulated RP2350 is the faster one.",
        BUT_THE_PICO,
        ("test_retained",),
    ),
    Kind(
        "of the core",
        "Two threads, which run the same bytecode on both chips of ports/rp2, and RuVix' memory.",
        OF_EACH_CORE,
        ("test_loading", "test_ruvix_memory"),
    ),
    Kind(
        "of the machine code",
        "Word for word. The RP2350 has the core of MPS2_AN505. The emulated Pico takes longest, and its machine "
        "code of the calls is the same as that of MPS2_AN385: test_two_cores.py compares the bytes.",
        (AN385, AN500, AN505, NETDUINO),
        ("test_machine_code",),
    ),
    Kind(
        "of the core, longer",
        "Interrupts at each instruction of a call: half a minute of each MPS2 board, and up to three of the chips of "
        "Raspberry Pi, whose interrupts other files cover. A Cortex-M3 and a Cortex-M4 show it.",
        (CPYTHON, UNIX, AN385, NETDUINO),
        ("test_cut_calls", "test_deferred_in_handlers", "test_interrupted_calls"),
    ),
    Kind(
        "of all calls",
        "Tables of every public call: hosts and one board show what 64 and 32 bits do. The Pico takes minutes.",
        (CPYTHON, UNIX, AN385),
        ("test_call_places", "test_wrong_arguments"),
    ),
    Kind(
        "of values",
        "Arithmetic that touches no memory: 64 bits on hosts, 32 bits and the highest addresses on MPS2_AN500.",
        (CPYTHON, UNIX, AN500),
        ("test_frame_range", "test_ruvix_types", "test_seed_example", "test_theseus_scenarios"),
    ),
    Kind(
        "of many cases",
        "The number of frames or of regions decides how long it takes, and the unix port has most.",
        (CPYTHON, AN385),
        ("test_largest_free", "test_merits"),
    ),
    Kind(
        "of the library",
        "The same bytecode on every board, on top of the engine: one board shows what 32 bits and a small heap do.",
        (CPYTHON, UNIX, AN385),
        None,
    ),
)


@dataclass(frozen=True)
class Amount:
    """How much a test does in either tier: the number that it gets, and how to say it."""

    text: str
    test: int
    check: int

    def of(self, tier):
        return self.test if tier == TEST else self.check

    def said(self, tier):
        return self.text.format(self.of(tier)).replace("one in 1 of", "all")


ONE_MAP_IN = "one in {} of 65,536 maps"

AMOUNTS = {
    "tests_host/test_two_cores.py::test_a_million_operations": Amount("{:,} operations on each board", 50_000, 950_000),
    "tests_host/test_rp2_resets.py::test_kept_over_resets": Amount("{} resets of each kind", 2, 6),
    "tests_host/test_rp2_resets.py::test_kept_over_resets[RPI_PICO2-watchdog]": Amount("{} resets", 2, 5),
    "tests_host/test_rp2_resets.py::test_all_is_lost_when_run_switches_sram_off": Amount(
        "{} resets of each kind", 2, 10
    ),
    "tests_host/test_resets.py::test_resets[MPS2_AN385]": Amount("{:,} resets", 60, 400),
    "tests_host/test_resets.py::test_resets[MPS2_AN500]": Amount("{} resets", 30, 60),
    "tests_host/test_resets.py::test_resets[MPS2_AN505]": Amount("{} resets", 30, 60),
    "tests_host/test_resets.py::test_resets[NETDUINO_PLUS_2]": Amount("{} resets", 30, 90),
    "tests_host/test_model.py::test_every_sequence_of_operations_agrees_with_the_model": Amount(
        "{} sequences of 40 operations", 60, 250
    ),
    "tests_host/test_exhaustive.py::test_on_cpython": Amount(ONE_MAP_IN, 31, 1),
    "tests_host/test_exhaustive.py::test_on_the_unix_port": Amount(ONE_MAP_IN, 31, 1),
    "tests_host/test_exhaustive.py::test_sample_of_the_constraint_tuples_on_cpython": Amount(ONE_MAP_IN, 509, 61),
    "tests_host/test_power_cuts.py::test_operations_on_records": Amount(
        "all cuts; one in {} of them with cuts of the attaching that follows", 24, 6
    ),
}
"""Test, with its parameters or without -> its Amount."""

ONLY_IN_CHECK = {
    "tests_host/test_power_cuts.py::test_calls_of_a_region[5 blocks of 13 frames]": "the same calls on other blocks",
    "tests_host/test_power_cuts.py::test_calls_of_a_region[5 blocks of a word]": "the same calls on other blocks",
    "tests_host/test_two_cores.py::test_constraints[RPI_PICO2]": "the same search as on RPI_PICO",
    "tests_host/test_documents.py::test_examples[MPS2_AN500]": "the same programs as on MPS2_AN385",
    "tests_host/test_documents.py::test_examples[MPS2_AN505]": "the same programs as on MPS2_AN385",
    "tests_host/test_documents.py::test_examples[SPARKFUN_PROMICRO_RP2350]": "the same as on PIMORONI_PICO_PLUS2",
    "tests_host/test_documents.py::test_examples_without_psram": "test_psram_boards.py boots without PSRAM as well",
    "tests_host/test_psram_boards.py::*[SPARKFUN_PROMICRO_RP2350*": "the memory plan of PIMORONI_PICO_PLUS2",
    "tests_host/test_emulator_faults.py::test_fault_is_found*": "they try the tests themselves",
}
"""Test -> why `make check` is enough. A * stands for any characters."""


def kind_of(file):
    """Return the Kind of the test file *file* of tests_target, a name such as "test_boot"."""
    return next(kind for kind in KINDS if kind.files is None or file in kind.files)


def amount_of(test):
    """Return the Amount of *test*, a name such as in AMOUNTS; None if it has none."""
    return AMOUNTS.get(test) or AMOUNTS.get(test.partition("[")[0])


def pattern_of(test):
    """Return the key of ONLY_IN_CHECK that *test* is left out by; None if it is not."""
    for pattern in ONLY_IN_CHECK:
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), test):
            return pattern
    return None


def tiers_of(test, runner=None, file=None):
    """Return the tiers that *test* is in: of a test of tests_target, say which *file* it is of and which *runner* runs
    it."""
    if runner:
        return (TEST,) if runner in kind_of(file).runners else (CHECK,)
    if amount_of(test):
        return TEST, CHECK
    return (CHECK,) if pattern_of(test) else (TEST,)


def table():
    """Return the table of CONTRIBUTING.md, as lines."""
    files = target_files.test_files()
    lines = [
        "| files of `tests_target/` | why | `make test` runs them on | `make check` on |",
        "|---|---|---|---|",
    ]
    for kind in KINDS:
        of_kind = [file for file in files if kind_of(file.path.stem) == kind]
        names = ", ".join(f"`{file.path.stem.removeprefix('test_')}`" for file in of_kind)
        runners = [runner for runner in RUNNERS if any(file.is_for(runner) for file in of_kind)]
        columns = [[runner for runner in runners if (runner in kind.runners) == is_test] for is_test in (True, False)]
        tiers = [", ".join(column) or "-" for column in columns]
        lines.append(f"| **{kind.name}**: {names} | {kind.why} | {tiers[0]} | {tiers[1]} |")
    lines += ["", "| test of `tests_host/` | `make test` | `make check` |", "|---|---|---|"]
    for test, amount in AMOUNTS.items():
        lines.append(f"| `{_short(test)}` | {amount.said(TEST)} | {amount.said(CHECK)} |")
    for test, why in ONLY_IN_CHECK.items():
        lines.append(f"| `{_short(test)}` | - | yes: {why} |")
    lines.append("| all others | yes | - |")
    return lines


def _short(test):
    return test.removeprefix("tests_host/")
