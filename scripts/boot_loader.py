"""Put a board into the boot loader of its chip, through the MicroPython that runs on it."""

import subprocess
import sys
import time

from flash_error import FlashError

SECONDS_TO_APPEAR = 20


def enter_boot_loader(port, mode):
    """Tell the MicroPython at the serial *port* to restart its chip in *mode*, the boot loader's name for people."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "bootloader"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines() or ["mpremote failed"]
        raise FlashError(f"the board at {port} did not enter {mode} mode: {said[-1].rstrip('.')}")


def wait_for(find, seconds):
    """Call *find* until it finds a board or *seconds* have passed. Return what it returned last."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
