"""The package on MicroPython's own MPS2_AN385 under QEMU, with nothing frozen: what can be done there.

The board has no file system, so the package lies in the heap, read by semihosting. Its linker script,
ports/qemu/mcu/arm/mps2.ld, puts code, data and, at the top, the stack into the first 4 MiB, at address 0. So the banks
at 0x20000000 and 0x21000000 are free.
"""

import pytest

from emulated_board import ROOT
from harness import target_files
from harness.console import Console
from harness.stock_board import files_of
from qemu import Qemu

TOP_OF_STACK = 0x00400000
IMPORT = "import physmem, physmem_claim"


@pytest.fixture
def console():
    """Yield the console of the board, where the package can be imported."""
    with Qemu("stock/MPS2_AN385") as board, Console(board) as console:
        console.enter_raw_repl()
        for program in ("uploaded_files", "host_files"):
            console.execute((target_files.FOLDER / f"{program}.py").read_text())
        files = {path.name: str(path) for path in files_of("arm")}
        console.execute(f"for name, path in {files}.items():\n    uploaded_files.add(name, read(path))")
        console.execute(IMPORT)
        yield console


def run(console, source):
    return console.execute(source).strip()


def test_a_first_region(console):
    """boot_in_heap() works, its region lies in the heap, and Ctrl-D gives the memory back."""
    assert run(console, "region = physmem.boot_in_heap(65536)\nprint(region.frames, physmem.check())") == "64 []"
    assert run(console, "print(physmem.dma_ring(4096).addr % 4096, physmem.allocate_frames(48).nbytes)") == "0 49152"
    with pytest.raises(RuntimeError, match="physmem_claim"):
        console.execute("physmem.retain('log', 100)")


def test_a_claim_is_refused(console):
    """It is proven for ports/rp2 alone."""
    before = run(console, "import gc\ngc.collect()\nprint(gc.mem_alloc() + gc.mem_free())")
    for call in ("claim", "boot"):
        with pytest.raises(RuntimeError, match=r"ClaimError: .*ports/rp2 .* on qemu: use physmem.boot_in_heap"):
            console.execute(f"physmem_claim.{call}(65536)")
    assert run(console, "gc.collect()\nprint(gc.mem_alloc() + gc.mem_free())") == before


def test_the_banks_that_the_firmware_leaves_alone(console):
    """The memory plan of this project's board is true of stock firmware too. Of the memory that suits, `retain` takes
    that with the fewest attributes, which is the PSRAM."""
    plan = (ROOT / "boards" / "MPS2_AN385" / "physmem_board.py").read_bytes()
    console.execute(f"uploaded_files.add('physmem_board.py', {plan!r})")
    boot = "physmem.boot()\nphysmem.boot_complete()\nlog = physmem.retain('log', 100)"
    console.execute(f"{boot}\nlog.view[:] = bytes(range(100))")
    assert run(console, "print(log.fresh, hex(log.addr), physmem.check())") == "True 0x21000000 []"


def test_the_stack_and_the_state_are_refused(console):
    """The top of the stack, and MicroPython's own state."""
    for base, what in ((TOP_OF_STACK - 64, "the stack"), ("id(sys.modules) & -64", "MicroPython's own state")):
        with pytest.raises(RuntimeError, match=f"lies in {what}"):
            console.execute(f"import sys\nphysmem.init([('wrong', {base}, 64, 64)])")
        assert run(console, "print(physmem.regions())") == "[]"
