"""The emulators of both RP2 chips run a .uf2 file as shipped, under mpremote, through all kinds of resets and faults.

Expected values come from the datasheets: harness/rp2_chips.py. Numbers in the tests are sections of the RP2040 and of
the RP2350 datasheet.
"""

import math
import os
import pathlib
import pty
import select
import socket
import subprocess
import sys
import threading
import time

import pytest
import rp2_emulator
from mpremote.transport import TransportError

from emulated_board import ROOT
from harness import rp2_board
from harness.rp2_board import SECONDS, Rp2Board
from harness.typed_board import mpremote
from rp2_emulator import Rp2Emulator

chip, shared, board = rp2_board.chip, rp2_board.shared, rp2_board.board


# ---- the firmware, and mpremote


def test_the_firmware_is_that_of_the_board(chip, board):
    said = board.run("import sys, machine, physmem_board; print(sys.platform, sys.implementation._machine)")
    assert said == f"rp2 {chip.machine}\n"
    said = board.run("import physmem_board; print(physmem_board.NAME, machine.freq())")
    assert said == f"{chip.board} {chip.system_clock}\n"


def test_mpremote_on_a_pseudo_terminal(chip, tmp_path):
    there, back = tmp_path / "there.txt", tmp_path / "back.txt"
    there.write_text("".join(f"{i}: kept in flash\n" for i in range(300)))
    with Rp2Emulator(chip.board, interactive=True) as emulator:
        assert emulator.url.startswith("/dev/")
        assert mpremote(emulator.url, "exec", "print(6 * 7)") == "42\n"
        mpremote(emulator.url, "fs", "cp", str(there), ":there.txt")
        assert "there.txt" in mpremote(emulator.url, "fs", "ls")
        mpremote(emulator.url, "exec", "value = 1", "soft-reset")
        assert mpremote(emulator.url, "resume", "exec", "print('value' in globals())") == "False\n"
        mpremote(emulator.url, "reset")
        mpremote(emulator.url, "fs", "cp", ":there.txt", str(back))
    assert back.read_text() == there.read_text()


def test_a_fresh_emulator_has_an_empty_file_system(chip, shared):
    shared.run("open('left.txt', 'w').close()")
    with Rp2Emulator(chip.board) as emulator:
        assert Rp2Board(emulator, chip).run("import os; print(os.listdir('/'))") == "[]\n"


def test_flash_is_saved_and_loaded(chip, shared, tmp_path):
    shared.run("with open('kept.txt', 'w') as file: file.write('kept')")
    shared.emulator.save_flash(tmp_path / "flash")
    with Rp2Emulator(chip.board) as emulator:
        emulator.load_flash(tmp_path / "flash")
        emulator.reset()
        assert Rp2Board(emulator, chip).run("print(open('kept.txt').read())") == "kept\n"


def test_flash_is_nor(board):
    """Programming only clears bits; erasing a sector sets the bits of only that sector."""
    source = """
import rp2
flash = rp2.Flash()
last = flash.ioctl(4, 0) - 1
def begins():
    buffer = bytearray(4)
    flash.readblocks(last, buffer, 256)
    other = bytearray(1)
    flash.readblocks(last - 1, other, 0)
    return bytes(buffer), other[0]
for block in (last - 1, last):
    flash.ioctl(6, block)
flash.writeblocks(last - 1, b"\\x00" * 256, 0)
print(begins())
flash.writeblocks(last, b"\\xf0\\xff\\x0f\\x55" * 64, 256)
print(begins())
flash.writeblocks(last, b"\\x3c\\xaa\\xff\\xff" * 64, 256)
print(begins())
flash.ioctl(6, last)
print(begins())
"""
    contents = [b"\xff" * 4, b"\xf0\xff\x0f\x55", b"\x30\xaa\x0f\x55", b"\xff" * 4]
    assert board.run(source) == "".join(f"({four!r}, 0)\n" for four in contents)


def test_a_file_that_is_no_firmware(chip, tmp_path, monkeypatch):
    """The error tells the reason, and nothing waits for a board that will never come up."""
    (tmp_path / "firmware.uf2").write_bytes(b"nothing" * 512)
    monkeypatch.setattr(rp2_emulator, "firmware", lambda board: tmp_path / "firmware.elf")
    with pytest.raises(RuntimeError, match=r"exited at once.*firmware\.uf2 is not a \.uf2 file"):
        Rp2Emulator(chip.board).start()


def test_flash_is_read_at_each_of_its_addresses(chip, board):
    """2.6.3 and 4.4.1: here the first words of the firmware's code."""
    words = board.run("def words(base): return [mem32[base + i] for i in range(0x200, 0x240, 4)]\nprint(words(FLASH))")
    assert len(set(words.split(", "))) > 8
    for base in chip.mirrors:
        assert board.run(f"print(words({base}))") == words, hex(base)


def test_make_emulate(chip):
    """A user at a terminal is told that the board is emulated and gets mpremote's REPL. Ctrl-] leaves it.

    What is typed before mpremote has switched the terminal to raw mode does not get to the board as it is, so Enter is
    pressed until there is a prompt.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, ROOT / "scripts" / "repl.py", chip.board]
    program = subprocess.Popen(command, stdin=theirs, stdout=theirs)
    seen = b""
    try:
        dialogue = ((b"", b"not a real board"), (b"", b"Use Ctrl-]"), (b"\r", b">>> "))
        for typed, answer in (*dialogue, (b"print(6 * 7)\r", b"\r\n42\r\n>>> ")):
            deadline = time.monotonic() + SECONDS
            os.write(ours, typed)
            while answer not in seen:
                assert time.monotonic() < deadline, seen
                if select.select([ours], [], [], 1)[0]:
                    seen += os.read(ours, 4096)
                elif typed == b"\r":
                    os.write(ours, typed)
            seen = seen.partition(answer)[2]
        os.write(ours, b"\x1d")
        assert program.wait(SECONDS) == 0
    finally:
        program.kill()
        program.wait()
        os.close(ours)
        os.close(theirs)


def test_the_terminal_can_be_left_while_the_board_prints(chip):
    """Nobody reads what the board prints then, and the terminal is full."""
    emulator = Rp2Emulator(chip.board, interactive=True)
    emulator.start()
    terminal = os.open(emulator.url, os.O_RDWR | os.O_NOCTTY)
    os.write(terminal, b"\rwhile True: print('x' * 70)\r\r")
    seen = b""
    while b"x" * 70 not in seen:
        assert select.select([terminal], [], [], SECONDS)[0], seen
        seen += os.read(terminal, 4096)
    time.sleep(1)  # to fill it
    ending = threading.Thread(target=emulator.stop, daemon=True)
    ending.start()
    ending.join(SECONDS)
    os.close(terminal)
    assert not ending.is_alive()


LINES, LINE = 600, 1000  # bytes of a line, with the two of its end


def test_a_client_that_does_not_read_stops_nobody(chip):
    """The emulator keeps what the client does not take, and sends it before it ends the connection."""
    with Rp2Emulator(chip.board) as emulator, socket.socket() as silent:
        # With small segments Linux keeps less than 0.4 MB of what is not read, otherwise some 2 MB.
        silent.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.settimeout(SECONDS)
        silent.connect(("127.0.0.1", int(emulator.url.rpartition(":")[2])))
        board = Rp2Board(emulator, chip)
        source = f"for _ in range({LINES}): print('#' * {LINE - 2})\nimport machine\nmachine.bootloader()"
        board.transport.exec_raw_no_follow(source)
        board.transport.serial.timeout = SECONDS / 4
        for _ in range(LINES):
            assert len(board.transport.serial.read(LINE)) == LINE
        board.transport.close()
        deadline = time.monotonic() + SECONDS
        while not emulator.failure():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "BOOTSEL" in emulator.failure()
        emulator.reset()
        sent = b"".join(iter(lambda: silent.recv(1 << 16), b""))
        assert sent.count(b"#") == LINES * (LINE - 2)
        again = Rp2Board(emulator, chip)
        assert again.run("print('up')") == "up\n"
        again.transport.close()


def test_floats(board):
    """The RP2040's are those of its boot ROM; the RP2350 has an FPU and a coprocessor for doubles."""
    calls = ["math.sin(1)", "math.cos(4)", "math.tan(-1)", "math.exp(1.5)", "math.log(3)", "math.atan2(1, -2)"]
    calls += ["2 ** 0.5", "1 / 3", "float(int(-2.5))", "float(math.floor(-2.5))", "float(math.ceil(2.5))"]
    printed = board.run(f"import math\nfor x in ({', '.join(calls)}): print('%.9f' % x)")
    for call, value in zip(calls, printed.split(), strict=True):
        assert float(value) == pytest.approx(eval(call, {"math": math}), rel=1e-6), call


# ---- resets

KEEP = "from machine import reset_cause\n"
PWRON_RESET, WDT_RESET = 1, 3

RESETS = {
    "machine.reset": "import machine; machine.reset()",
    "watchdog": "import machine; machine.WDT(timeout=50)\nwhile True: pass",
    "asleep": "import machine, time; machine.WDT(timeout=50); time.sleep(10)",
}


@pytest.mark.parametrize("how", RESETS)
def test_resets_from_inside_keep_sram_and_flash(board, how):
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFE; mem32[WATCHDOG_SCRATCH3] = 77; open('{how}', 'w').close()")
    board.reset_by(RESETS[how])
    # 4.7.4 and 12.9: the watchdog's reset is recorded, and its scratch registers (here number 3) are kept.
    printed = board.run(f"{KEEP}print(hex(mem32[KEPT]), mem32[WATCHDOG_SCRATCH3], reset_cause())")
    assert printed == f"0x600dcafe 77 {WDT_RESET}\n"
    assert board.run(f"import os; print('{how}' in os.listdir())") == "True\n"


def test_the_run_pin_keeps_flash_and_on_the_rp2040_sram(chip, board):
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFF; mem32[WATCHDOG_SCRATCH3] = 77; open('pin', 'w').close()")
    board.transport.exec_raw_no_follow("while True: pass")
    board.emulator.reset()
    board.wait_for_prompt()
    kept, *others = board.run(f"{KEEP}print(hex(mem32[KEPT]), mem32[WATCHDOG_SCRATCH3], reset_cause())").split()
    assert (kept == "0x600dcaff") == chip.run_keeps_sram
    assert others == ["0", str(PWRON_RESET)]
    assert board.run("import os; print('pin' in os.listdir())") == "True\n"


def test_a_reset_clears_what_the_firmware_clears(board):
    """Start-up code runs and clears .bss, so the names that a program made are gone."""
    board.run("import micropython; micropython.alloc_emergency_exception_buf(100); left = 1")
    board.reset_by(RESETS["machine.reset"])
    assert board.run("print('left' in globals())") == "False\n"


def test_sysresetreq_resets_the_core_alone(chip, board):
    """2.4.2.9: the watchdog keeps its record of an earlier reset. 12.9.7, REASON: the RP2350's is cleared.

    The scratch registers are kept, and so is SRAM. The firmware starts again.
    """
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFD; mem32[WATCHDOG_SCRATCH3] = 78; left = 1")
    board.reset_by(RESETS["machine.reset"])
    board.reset_by("mem32[AIRCR] = 0x05FA0004")
    printed = board.run(f"{KEEP}print(hex(mem32[KEPT]), mem32[WATCHDOG_SCRATCH3], reset_cause(), 'left' in globals())")
    cause = WDT_RESET if chip.sysresetreq_keeps_reason else PWRON_RESET
    assert printed == f"0x600dcafd 78 {cause} False\n"


# ---- faults

FAULTS = {
    "unaligned": ("{chip.unaligned_access}\nf(KEPT + 1)", "unaligned"),
    "nothing there": ("mem32[0xF0000000]", "nothing is at 0xf0000000"),
    "breakpoint": ("@micropython.asm_thumb\ndef f():\n    data(2, 0xBE00)\nf()", "breakpoint 0 without a debugger"),
    "undefined": ("@micropython.asm_thumb\ndef f():\n    data(2, 0xDE01)\nf()", "undefined instruction"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_ends_with_a_message(chip, shared, what):
    source, message = FAULTS[what]
    with pytest.raises((OSError, TransportError)):
        shared.run(source.format(chip=chip))
    failure = shared.emulator.failure()
    assert "HardFault of core 0" in failure and message in failure and "pc=0x" in failure and "r12=0x" in failure
    shared.restart()
    assert shared.emulator.failure() is None


def test_bootsel_is_said(shared):
    with pytest.raises((OSError, TransportError)):
        shared.run("import machine; machine.bootloader()")
    assert "BOOTSEL" in shared.emulator.failure()
    shared.restart()


# ---- time


def sleep(board, seconds):
    """Have the board sleep. Check that it slept so long by its own clock; return how long it took by the PC's."""
    program = f"import time; before = time.ticks_ms(); time.sleep({seconds})\n"
    begin = time.monotonic()
    slept = int(board.run(program + "print(time.ticks_diff(time.ticks_ms(), before))"))
    assert 1000 * seconds <= slept <= 1000 * seconds + 10
    return time.monotonic() - begin


def test_sleeping_takes_its_time(chip, board):
    """By default simulated time does not outrun real time; with --unpaced it does."""
    assert sleep(board, 2) > 1.9
    with Rp2Emulator(chip.board, options=("--unpaced",)) as emulator:
        assert sleep(Rp2Board(emulator, chip), 60) < 30


def test_the_emulator_ends_with_its_parent(chip):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from rp2_emulator import Rp2Emulator\n"
        f"emulator = Rp2Emulator('{chip.board}'); emulator.start(); print(emulator.process.pid, flush=True)\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", program, ROOT / "scripts"], capture_output=True, text=True)
    process = pathlib.Path("/proc") / child.stdout.strip()
    deadline = time.monotonic() + SECONDS
    while process.exists() and "Z" not in (process / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
