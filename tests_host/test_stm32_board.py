"""MicroPython's stm32 port with physmem in it, run under QEMU: start, resets, interrupts and Ctrl-C are the port's own.

The firmware has stand-ins for drivers of ST's that are not in a package; firmware/stm32/stand_ins/README.md lists them.
"""

import re
import subprocess
import time

import pytest

from emulated_board import firmware, memory_map
from qemu import Qemu
from harness.console import BANNER, INTERRUPT, Console

BOARD = "NETDUINO_PLUS_2"
_, BASE, SIZE, FRAME, _ = memory_map(BOARD)["REGIONS"][0]
# TIM3 of RM0090, 18.4; tests_target/hard_interrupts.py says why pyb.Timer's init is not used.
CONTROL = memory_map(BOARD)["TIM3_BASE"]
INTERRUPT_ENABLE, RELOAD = CONTROL + 0x0C, CONTROL + 0x2C

# Every byte of the region differs from its neighbours, and each frame from the next.
FILL = f"""
from uctypes import bytearray_at
memory = bytearray_at({BASE}, {SIZE})
for i in range({SIZE}):
    memory[i] = (i * 7 + (i >> 8) + 13) & 255
"""
COUNT_CHANGED = f"""
from uctypes import bytearray_at
memory = bytearray_at({BASE}, {SIZE})
changed = 0
for i in range({SIZE}):
    changed += memory[i] != (i * 7 + (i >> 8) + 13) & 255
print(changed)
"""
ALLOCATING_TIMER = f"""
import physmem
from machine import mem32
from pyb import Timer
region = physmem.region("sram")
alloc, free = region.alloc, region.free
ticks = [0]
def tick(timer):
    frame = alloc(2)
    ticks[0] += 1
    if ticks[0] & 1:
        free(frame)
timer = Timer(3)
mem32[{CONTROL}] = 1
timer.callback(tick)
mem32[{RELOAD}] = 300000
mem32[{INTERRUPT_ENABLE}] = 1
"""

pytestmark = pytest.mark.xdist_group("stm32 board")


@pytest.fixture(scope="module")
def console():
    """Yield the raw REPL."""
    with Qemu(BOARD) as emulator, Console(emulator) as console:
        console.enter_raw_repl()
        yield console


def reset(console, statement):
    """Execute a statement that resets the chip, and enter the raw REPL again."""
    console.begin(statement)
    console.read_until(BANNER)
    console.enter_raw_repl()


def soft_reset(console):
    assert "Traceback" not in console.soft_reset()


def machine_reset(console):
    reset(console, "import machine; machine.reset()")


def system_reset(console):
    reset(console, "import machine; machine.mem32[0xE000ED0C] = 0x05FA0004")


RESETS = pytest.mark.parametrize("kind", [soft_reset, machine_reset, system_reset])


def calls_in(function):
    """Return the names of the functions that *function* calls, in the order of its machine code."""
    command = ["arm-none-eabi-objdump", "-d", f"--disassemble={function}", firmware(BOARD)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.findall(r"\tbl\t\w+ <(\w+)>", text)


def test_boot_stage_comes_before_the_file_system_and_boot_py():
    """main.c makes the heap, then MicroPython's state, whose last step is the boot stage (test_firmware_image.py). Only
    then come timers and scripts. This firmware has no file system of its own; the port makes it after the timers."""
    calls = calls_in("stm32_main")
    order = [calls.index(name) for name in ("gc_init", "mp_init", "timer_init0", "boardctrl_run_boot_py")]
    assert order == sorted(order)
    assert "boardctrl_run_main_py" in calls[order[-1] :]


def test_what_qemu_refuses_is_said():
    """It starts the board when somebody listens, and only then looks at the files that it is to load."""
    loader = ("-device", f"loader,file=absent.bin,addr={BASE:#x}")
    with Qemu(BOARD, options=loader) as emulator, pytest.raises(RuntimeError, match="QEMU exited: .*absent.bin"):
        emulator.connect()


def test_ready_at_the_prompt(console):
    said = console.execute("import physmem; print(physmem.booted, physmem.stats()[None]['used'], physmem.check())")
    assert said == "True 0 []\n"


@RESETS
def test_no_reset_touches_the_region(console, kind):
    """Start-up code, gc_init and the file system's set-up leave the memory of free frames as it is, too."""
    console.execute(FILL)
    for _ in range(2):
        kind(console)
        assert console.execute(COUNT_CHANGED) == "0\n"


@RESETS
def test_retained_and_mapped_frames_outlive_it(console, kind):
    console.execute(
        "import physmem\n"
        "log = physmem.retain('log', 1000)\n"
        "log.view[:3] = b'log'\n"
        "ring = physmem.dma_ring(2048).map()\n"
        "physmem.allocate_frames(5)"
    )
    kind(console)
    said = console.execute(
        "import physmem\n"
        "log = physmem.retain('log', 1000)\n"
        "rings = physmem.quarantined()\n"
        "print(log.fresh, bytes(log.view[:3]), [(ring.state, ring.nbytes) for ring in rings])\n"
        "used = physmem.stats()[None]['used']\n"
        "print(used == log.count + rings[0].count, physmem.check(), physmem.dropped())\n"
        "rings[0].unmap().free()\n"
        "log.free()"
    )
    assert said == "False b'log' [('mapped', 2048)]\nTrue [] []\n"


def test_soft_reset_while_a_hard_handler_allocates(console):
    """The port stops its timers; what the handler had allocated is free again."""
    for _ in range(10):
        console.execute(ALLOCATING_TIMER)
        time.sleep(0.01)
        said = console.execute("seen = ticks[0]\nwhile ticks[0] == seen: pass\nprint(ticks[0] > 0)")
        assert said == "True\n"
        soft_reset(console)
        said = console.execute(
            "import physmem\nprint(physmem.stats()[None]['used'], physmem.check(), physmem.region('sram').free_frames)"
        )
        assert said == f"0 [] {SIZE // FRAME}\n"


@pytest.mark.parametrize("work", ["pass", "physmem.allocate_frames(1).free()"])
def test_control_c(console, work):
    """The metadata is right wherever it comes, but what was allocated, the program must free."""
    for i in range(5):
        console.begin(f"import physmem\nprint()\nwhile True:\n    {work}")
        console.read_until(b"\r\n")
        time.sleep(0.003 * i)
        console.send(INTERRUPT)
        _, error = console.end()
        assert error.endswith("\nKeyboardInterrupt: \n")
        assert console.execute("print(physmem.check(), physmem.stats()[None]['used'] < 6)") == "[] True\n"
