"""All peripherals of an RP2350, put together (datasheet 2.2): which block is at which address, what happens by itself,
and the interrupt lines to both cores.

A block without a model keeps what was written to it, and `touched` tells who asked. The private buses of the cores and
the spin locks are not here.
"""

import random

from always_on import AlwaysOn
from block import Unmodelled
from boot_ram import BootRam
from bus import Bus
from clocks import Clocks, CrystalOscillator, Pll, RingOscillator, TickGenerators
from dma import Dma
from doorbells import Doorbells
from fifo import Fifos
from gpio import Gpio, PinFunctions
from memory import Memory
from power_states import PowerStates
from psram import PsramChip
from qmi import Qmi, XipControl
from resets import Resets
from sio import Sio
from small_blocks import Adc, BlankOtp, QspiPins, RandomNumbers, SystemInformation, Uart
from timer import Timer
from usb_controller import UsbController, UsbMemory
from usb_host import UsbHost
from watchdog import Watchdog
from xip_cache import XipCache
from xip_window import XipWindow

USB_DPRAM, USB_REGISTERS = 0x50100000, 0x50110000
DMA, QMI, XIP_CTRL = 0x50000000, 0x400D0000, 0x400C8000

UNMODELLED = {
    0x40008000: "SYSCFG",
    0x40038000: "PADS_BANK0",
    0x40040000: "PADS_QSPI",
    0x40060000: "ACCESSCTRL",
    0x40068000: "BUSCTRL",
    0x40080000: "SPI0",
    0x40088000: "SPI1",
    0x40090000: "I2C0",
    0x40098000: "I2C1",
    0x400A8000: "PWM",
    0x400C0000: "HSTX_CTRL",
    0x400F8000: "SHA256",
    0x40120000: "OTP",
    0x40158000: "GLITCH_DETECTOR",
    0x40160000: "TBMAN",
    0x50200000: "PIO0",
    0x50300000: "PIO1",
    0x50400000: "PIO2",
    0x50500000: "XIP_AUX",
    0x50600000: "HSTX_FIFO",
    0x50700000: "CORESIGHT_TRACE",
}
OTP_DATA = (0x40130000, 0x40134000, 0x40138000, 0x4013C000)


class Peripherals:
    """*chip* has the cores; *output* gets the bytes that the USB serial port sends; *faults*: see main.py."""

    def __init__(self, chip, output, faults=()):
        self._chip = chip
        self._levels = {}  # of the interrupt lines: (number, core) -> whether it is high
        self.touched = {}
        self.bus = Bus()
        self.gpio = Gpio()
        self.fifos = Fifos(chip, self.irq)
        self._doorbells = Doorbells(self.irq)
        self._sio = Sio(chip, self.gpio, self.fifos, self._doorbells, self.touched)
        self.watchdog = Watchdog(chip)
        self._always_on = AlwaysOn(chip)
        self.timers = [Timer(chip, 4 * n, self.irq) for n in (0, 1)]
        self.usb = UsbHost(chip, output)
        usb_memory = UsbMemory()
        self._usb_controller = UsbController(usb_memory, self.usb, self.irq)

        psram = PsramChip(chip.psram_size) if chip.psram_size else None
        pins = PinFunctions()
        xip_control = XipControl(is_broken="psram-set-up" in faults)
        self.qmi = Qmi(psram, pins, xip_control)
        self.xip_cache = XipCache(chip, chip.psram_size)
        self.window = XipWindow(chip, self.xip_cache, self.qmi)
        self.memory = Memory(chip, self.window, self.qmi)
        self.dma = Dma(chip, self.bus, self.memory, self.irq, wraps="dma-ring" not in faults)

        chance = random.Random(1)  # the same numbers in each run
        adc, random_numbers, uarts = Adc(), RandomNumbers(chance), (Uart(), Uart())
        unmodelled = {base: Unmodelled(name, self.touched) for base, name in UNMODELLED.items()}
        by_reset = {0: adc, 2: self.dma, 6: pins, 23: self.timers[0], 24: self.timers[1], 25: random_numbers}
        by_reset |= {26: uarts[0], 27: uarts[1], 28: self._usb_controller}  # 7.5: by the bit of RESETS.RESET
        blocks = {
            0x40000000: SystemInformation(),
            0x40010000: Clocks(),
            0x40018000: PowerStates(self._hold_core_1),
            0x40020000: Resets(by_reset),
            0x40028000: pins,
            0x40030000: QspiPins(),
            0x40048000: CrystalOscillator(),
            0x40050000: Pll(),
            0x40058000: Pll(),
            0x40070000: uarts[0],
            0x40078000: uarts[1],
            0x400A0000: adc,
            0x400B0000: self.timers[0],
            0x400B8000: self.timers[1],
            XIP_CTRL: xip_control,
            QMI: self.qmi,
            0x400D8000: self.watchdog,
            0x400E0000: BootRam(),
            0x400E8000: RingOscillator(chance),
            0x400F0000: random_numbers,
            0x40100000: self._always_on,
            0x40108000: TickGenerators(),
            DMA: self.dma,
            USB_DPRAM: usb_memory,
            USB_REGISTERS: self._usb_controller,
        }
        blocks |= unmodelled | {base: BlankOtp() for base in OTP_DATA}
        for base, block in blocks.items():
            self.bus.add(base, block)
        self.bus.connect(chip)
        self.xip_cache.connect()
        pins.changed = self.qmi.changed = xip_control.changed = self.window.update
        self.window.update()

    def sio_callbacks(self):
        """Return what unicorn calls for the SIO's registers that the C code leaves to us: for a read, for a write."""
        return self._sio.on_read, self._sio.on_write

    def reset(self, cold=False):
        """Reset all blocks. With *cold*, as after power came up or RUN was low: the watchdog and POWMAN forget."""
        if cold:
            self.watchdog.forget()
            self._always_on.forget()
        self.xip_cache.invalidate_all()
        self._levels.clear()
        self.gpio.out = self.gpio.oe = 0
        for core in (0, 1):
            self.fifos.empty(core)
        self._doorbells.reset()
        for block in self.bus.blocks.values():
            block.reset()

    def describe_touched(self):
        """Return a line for each register without a model that was accessed: block, offset, how often."""
        return [f"{name}+{offset:#05x} {what} {n} times" for (name, offset, what), n in sorted(self.touched.items())]

    # ---- time

    def tick(self):
        """Do what is due by now."""
        for one in (*self.timers, self.usb, self.dma, self.xip_cache, self.watchdog):
            one.tick()

    def next_alarm(self):
        """Return the cycle at which something happens next by itself, None if nothing will."""
        everything = (*self.timers, self.usb, self.dma, self.xip_cache, self.watchdog)
        return min((one.next for one in everything if one.next is not None), default=None)

    # ---- lines

    def irq(self, number, level, cores=(0, 1)):
        """Set the level of interrupt line *number* at *cores*."""
        for core in cores:
            if level == self._levels.get((number, core), False):
                continue
            self._levels[number, core] = level
            self._chip.cores[core].set_line(number, level)
            if level:
                self._chip.stop()  # the core takes it after the current instruction

    def _hold_core_1(self, is_held):
        self.fifos.empty(1)
        self._chip.hold_core_1(is_held)
        self.restore_lines(1)

    def restore_lines(self, core):
        """Set the lines of *core* again: its reset has not changed them."""
        for (number, at), level in self._levels.items():
            if at == core and level:
                self._chip.cores[core].set_line(number, level)
