"""Memory plans that hypothesis makes, and requests of the systems made from them, held against a model.

tests_target/test_memory_plans.py does the same with the plans of the boards. Here regions have any mixture of
attributes, and up to three bus masters.
"""

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_model import Plan, request

from harness import memory_plans

MASTERS = ("BDMA", "MDMA", "DMA2D")
WORDS = ("DMA", "FAST", "CACHED", "EXTERNAL", *MASTERS)
CALLS = ("allocate_frames", "allocate_frames_by_bytes", "allocate_frames_deferred")
BASE = 0x20000000
ROOM = 1 << 18  # bytes of address space for each region
NO_CONSTRAINTS = (0, 0, 0, 1, False)

REGIONS = st.lists(
    st.tuples(
        st.integers(0, 5),  # frames that lie before it
        st.integers(1, 24),  # frames
        st.sampled_from((32, 256, 4096)),
        st.sets(st.sampled_from(WORDS)),
    ),
    min_size=2,
    max_size=4,
)
FEW_WORDS = st.sets(st.sampled_from(WORDS), max_size=2)
POWERS = st.one_of(st.just(0), st.integers(5, 16).map(lambda power: 1 << power))
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(CALLS),
        st.integers(1, 12),
        st.one_of(
            st.just(NO_CONSTRAINTS),
            st.tuples(POWERS, POWERS, st.integers(0, 5 * ROOM), st.integers(1, 5 * ROOM), st.booleans()),
        ),
        st.tuples(FEW_WORDS, FEW_WORDS, st.sets(st.sampled_from(WORDS), max_size=1)),
        st.booleans(),
    ),
    min_size=5,
    max_size=25,
)


def test_every_request_lands_where_the_model_says(amount):
    tried = []

    @settings(max_examples=amount, deadline=None, suppress_health_check=list(HealthCheck))
    @given(regions=REGIONS, requests=REQUESTS)
    def lands(regions, requests):
        tried.append(len(requests))
        make_and_compare(regions, requests)

    lands()
    assert len(tried) >= amount > 0


def make_and_compare(regions, requests):
    """Boot a system of the *regions*, make the *requests* and release them; the model says what each gets."""
    entries = tuple(
        (f"r{i}", BASE + i * ROOM + gap * frame_size, frames * frame_size, frame_size, " ".join(sorted(words)))
        for i, (gap, frames, frame_size, words) in enumerate(regions)
    )
    plan = Plan(
        {
            "board": "made",
            "chip": "made",
            "regions": entries,
            "occupied": (),
            "records": None,
            "masters": MASTERS,
            "line": 32,
        }
    )
    physmem = plan.boot()
    live = []
    for call, n, (align, boundary, low, size, has_window), words, as_text in requests:
        window = (BASE + low, BASE + low + size) if has_window else (0, None)
        amount = (None, n * 100) if "bytes" in call else (n, None)
        words = [tuple(sorted(part)) for part in words]
        frames = request(physmem, plan, call, *amount, (align, boundary, *window), *words, as_text)
        if frames:
            live.append(frames)
        elif live:
            plan.release(live.pop(n % len(live)))
    plan.expect_counts(physmem)
    for frames in live:
        plan.release(frames)
    plan.expect_counts(physmem)


def test_each_board_is_in_the_module_that_boards_get():
    """With its own constants, and a chip that the tests have facts about."""
    names = sorted(path.parent.name for path in (memory_plans.ROOT / "boards").glob("*/physmem_board.py"))
    assert [plan["board"] for plan in memory_plans.plans()] == names != []
    made = {}
    exec(memory_plans.write().read_text(), made)
    assert list(made["PLANS"]) == memory_plans.plans()


def test_workers_may_write_the_module_at_the_same_time(tmp_path, monkeypatch):
    """Each has written its file before any of them puts its own in place. They are copies of one process, so what is
    the same in all of them cannot tell their files apart."""
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(4)
    replace = Path.replace

    def replace_together(unfinished, path):
        together.wait(30)
        return replace(unfinished, path)

    monkeypatch.setattr(memory_plans, "FOLDER", tmp_path)
    monkeypatch.setattr(memory_plans, "PATH", tmp_path / "memory_plans.py")
    monkeypatch.setattr(Path, "replace", replace_together)
    workers = [fork.Process(target=memory_plans.write) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["memory_plans.py"]


@pytest.mark.parametrize(("board", "chip"), (("RPI_PICO", "RP2040"), ("MPS2_AN505", "AN505"), ("UNIX", "UNIX")))
def test_the_chip_is_the_one_in_the_plan(board, chip):
    assert [plan["chip"] for plan in memory_plans.plans() if plan["board"] == board] == [chip]
