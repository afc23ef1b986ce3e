"""An RP2350 board: the chip with the memories that survive its resets, its USB cable, and the pace at which it runs."""

import time
import traceback

from chip import Chip
from clocks import CYCLES
from fault import Lockup, Reset, UsbBoot
from uf2 import flash_with_firmware
from watch import Watch

STEPS = 300_000  # instructions to run before looking at the sockets again
SLACK = 2e-3  # seconds: the host's timers have a resolution of milliseconds only
FOREVER = float("inf")


class Board:
    """*firmware* is the path of a .uf2 file, *psram* the bytes of PSRAM, *faults* the faults on purpose.

    With *is_paced*, simulated time that the board sleeps through takes as long on the host's clock; without it, none.
    *received* gets what the board sends. *stopped* gets {"reason", "message"} when the board stops until its next
    reset; the reason is "fault" or "BOOTSEL".
    """

    def __init__(self, firmware, psram, is_paced, received, stopped, faults=()):
        self._is_paced, self._stopped = is_paced, stopped
        self.halt = None  # what `stopped` got, while the board has stopped
        self._chip = Chip(flash_with_firmware(firmware), psram, received, faults)
        self._nap = None  # (since, seconds) while both cores sleep and the host's clock has to catch up
        self._lead = 0.0  # seconds by which sleeping has put the board ahead of the host's clock
        self._lead_at = time.monotonic()

    def reset(self):
        """Reset by the RUN pin. Flash is kept; SRAM and the watchdog's registers are lost (datasheet 7.3, 6.2)."""
        self._end_nap()
        self.halt = None
        self._chip.reset(cold=True)

    def send(self, data):
        """Send bytes to the board's serial port; the board takes them when it is ready."""
        self._end_nap()
        self._chip.peripherals.usb.send(data)

    @property
    def flash(self):
        """The contents of the flash chip."""
        return self._chip.flash[:]

    @flash.setter
    def flash(self, contents):
        if len(contents) != len(self._chip.flash):
            raise ValueError(f"{len(contents)} bytes for a flash chip of {len(self._chip.flash)}")
        self._chip.flash[:] = contents
        self._chip.uc.ctl_flush_tb()

    def statistics(self):
        """Return counts since the chip or the counts were last reset; of instructions since the chip was last reset.

        An instruction takes one cycle, so the cycles say nothing about speed.
        """
        cores = [{"instructions": core.instructions, "cycles": core.instructions} for core in self._chip.cores]
        return {"cores": cores, "nanoseconds": self._chip.nanoseconds, "spin_locks": self._chip.state.spin_locks()}

    def reset_statistics(self):
        """Clear the counts of spin locks, and the marks."""
        self._chip.state.reset_statistics()
        self._chip.marks.clear()

    def watch(self, address):
        """Switch the power off and on, and watch core 0 from the first instruction on.

        From now on `reached` tells when *address* was reached. A mark has the bounds of the stack pointer outside
        handlers since the mark before, as "lowest" and "highest".
        """
        self.reset()
        self._chip.watched = Watch(self._chip.state, address)

    @property
    def reached(self):
        """The instructions before the address of `watch` was reached; None as long as it was not."""
        if not self._chip.watched:
            raise ValueError("no address is watched: send the command watch first")
        return self._chip.watched.reached

    @property
    def touched(self):
        """A line for each register without a model that was accessed: what a program needs that the emulator lacks."""
        return self._chip.peripherals.describe_touched()

    @property
    def marks(self):
        """Each BKPT 0x50 since the chip or the counts were last reset, as {"core", "instructions", "cycles"}."""
        return self._chip.marks

    def step(self):
        """Run for a while. Return the seconds after which to call again, None for not before something comes."""
        if self.halt:
            return None
        self._end_nap()
        chip = self._chip
        try:
            chip.run(STEPS)
            if any(core.is_awake() for core in chip.cores):
                return 0
            return self._sleep()
        except Reset:
            chip.reset()
            return 0
        except UsbBoot:
            self._stop("BOOTSEL", "the board waits for a .uf2 file")
        except Lockup as error:
            self._stop("fault", str(error))
        except Exception:
            self._stop("fault", f"the emulator failed: {traceback.format_exc()}")
        return None

    def _stop(self, reason, message):
        self.halt = {"reason": reason, "message": message}
        self._stopped(self.halt)

    def _sleep(self):
        """Both cores sleep: advance to the next alarm, at once or when the host's clock has got there."""
        cycles = self._chip.cycles_to_next_alarm()
        wait = FOREVER if cycles is None else cycles / CYCLES / 1e6
        now = time.monotonic()
        self._lead = max(0.0, self._lead - (now - self._lead_at))
        self._lead_at = now
        if cycles is not None and (not self._is_paced or self._lead + wait <= SLACK):
            self._lead += wait
            self._chip.pass_time(cycles)
            return 0
        self._nap = now, wait
        return None if cycles is None else self._lead + wait - SLACK

    def _end_nap(self):
        """Let as much time pass for the sleeping board as has passed on the host."""
        if not self._nap:
            return
        (since, wait), self._nap = self._nap, None
        now = time.monotonic()
        slept = now - since
        if self._is_paced:
            passed = min(wait, max(0.0, slept - self._lead))
            self._chip.state.count += int(passed * 1e6 * CYCLES)
        self._lead = max(0.0, self._lead - slept)
        self._lead_at = now
