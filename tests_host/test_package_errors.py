"""What you are told where a package does not fit: on a stock unix port of MicroPython, which others have built."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from emulated_board import ROOT

PACKAGES = ROOT / "build" / "dist" / "mip"
SECONDS = 60
TOO_LITTLE = (
    r"import physmem needs more heap than the (\d+) bytes that are free to compile source: "
    r"on ARM delete lib/physmem\*.py, which go before .mpy files, and install the package arm; elsewhere build "
    "firmware with it"
)
TWICE = """
import sys
for _ in range(2):
    try:
        import physmem
    except MemoryError as error:
        print(error)
    print([name for name in sys.modules if name.startswith("physmem")])
"""


def run(package, program, heap="2m"):
    """Run *program* with that package on a heap of that size. Return the lines that it printed."""
    start = "import micropython_unix; micropython_unix.main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "-X", f"heapsize={heap}", "-c", program],
        env={**os.environ, "MICROPYPATH": str(PACKAGES / package)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("package", ["arm", "arm-raw"])
def test_machine_code_for_arm_on_another_machine(package):
    assert run(package, "import physmem")[-1] == (
        "ImportError: this physmem has machine code for ARM, which MicroPython on linux does not run "
        "(incompatible .mpy arch): install the package source"
    )


def test_too_little_heap_to_compile_the_source():
    """Nothing half loaded is left, so that the second import says the same."""
    lines = run("source-raw", TWICE, heap="100k")
    assert lines[1::2] == ["[]", "[]"]
    for line in lines[::2]:
        found = re.fullmatch(TOO_LITTLE, line)
        assert found and 60_000 < int(found[1]) < 100 * 1024, line


def test_installation_that_was_interrupted(tmp_path):
    for path in (PACKAGES / "source-raw").glob("physmem*.py"):
        if path.name != "physmem_region.py":
            shutil.copy(path, tmp_path)
    shutil.copytree(PACKAGES / "source-raw" / "physmem_viper", tmp_path / "physmem_viper")
    assert run(tmp_path, "import physmem")[-1] == (
        "ImportError: physmem is not installed completely (no module named 'physmem_region'): install its package "
        "again; if you build firmware for ARM, write require('physmem', thumb=True) in its manifest"
    )


def test_no_memory_plan():
    assert run("source-raw", "import physmem\nphysmem.boot()")[-1] == (
        "ImportError: boot() needs a memory plan (no module named 'physmem_board'): call physmem.boot_in_heap(nbytes), "
        "or on a Pico physmem_claim.boot(nbytes), or write physmem_board.py as docs/add_a_board.md shows"
    )


def test_no_regions():
    assert run("source-raw", "import physmem\nphysmem.region('sram')")[-1] == (
        "PhysMemError: there are no regions yet: call boot(), boot_in_heap() or init() first"
    )


@pytest.mark.parametrize(
    "name, module",
    [
        ("retain", "physmem_retained"),
        ("debug", "physmem_debug"),
        ("map", "physmem_map"),
        ("dma_ring", "physmem_allocate"),
        ("AllocatedFrames", "physmem_frames"),
        ("BuddyAllocator", "physmem_buddy"),
    ],
)
def test_what_the_raw_package_lacks(name, module):
    assert run("source-raw", f"import physmem\nphysmem.{name}")[-1] == (
        f"AttributeError: {name} needs more than is installed (no module named '{module}'): "
        "install the package arm, or source if this is not ARM"
    )


def test_dir_of_the_raw_package():
    """dir() asks for every name that MicroPython knows, also for those that the package lacks."""
    shown = run("source-raw", "import physmem\nprint(' '.join(dir(physmem)))")[-1].split()
    assert {"boot_in_heap", "region", "Region", "code_name", "add_region"} <= set(shown)
    assert not {"dma_ring", "retain", "AllocatedFrames", "BuddyAllocator"} & set(shown)


def test_what_nobody_has():
    assert run("source-raw", "import physmem\nphysmem.frame")[-1] == (
        "AttributeError: module 'physmem' has no attribute 'frame': dir(physmem) lists them"
    )


def test_what_the_raw_package_has():
    """The program frees 3 of the 7 frames that it has allocated, and removes the region that it has added."""
    program = """
import physmem
physmem.init([("heap", None, 65536)])
heap = physmem.region("heap")
print(heap.alloc(3), heap.addr(heap.alloc_aligned(2, 4)) % (4 * heap.frame_size), heap.alloc_at(8, 2))
print(heap.free(0), physmem.code_name(heap.free(1)))
print(physmem.stats()["heap"]["used"], physmem.stats()[None]["largest"], physmem.check())
physmem.add_region("more", None, 8192, 1024)
print(physmem.region("more").alloc(9) == physmem.ALLOCATION_TOO_LARGE, [found.name for found in physmem.regions()])
physmem.remove_region("more")
physmem.boot_complete()
print(physmem.booted, len(physmem.regions()), physmem.errors if hasattr(physmem, "errors") else None)
"""
    lines = run("source-raw", program)
    assert lines[:3] == ["0 0 8", "3 NotAllocated", "4 6 []"]
    assert lines[3] in ("True ['heap', 'more']", "True ['more', 'heap']")
    assert lines[4:] == ["True 1 None"]


def test_a_plan_with_records_boots_without_them():
    """The raw package retains nothing; the regions are those of the plan."""
    program = """
import physmem
class Plan:
    REGIONS = (("sram", None, 16384, 1024, "DMA FAST"),)
    OCCUPIED = ()
    RETAINED_RECORDS = (None, 1024)
frame = None
physmem.boot(Plan)
frame = physmem.region("sram").alloc(16)
physmem.boot_complete()
print(frame, [found.name for found in physmem.regions()], physmem.early_heap()[0] == physmem.early_heap()[1])
"""
    assert run("source-raw", program) == ["0 ['sram'] True"]
