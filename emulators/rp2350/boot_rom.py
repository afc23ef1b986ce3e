"""The part of the boot ROM that the emulator does itself: boot_rom.S asks for it by BKPT."""

import struct

from fault import BFARVALID, PRECISERR, Fault, UsbBoot, hex8
from flash_chip import erase, program
from native import BUILD
from registers import GENERAL, LR
from uf2 import FLASH

SIZE = 32 * 1024

# get_sys_info (RP2350 datasheet 5.4.8): a flag for each piece of information, whose words come in this order.
CHIP_INFO, CRITICAL, CPU_INFO, FLASH_DEVICES, BOOT_RANDOM, BOOT_INFO = 1, 2, 4, 8, 0x10, 0x40
PACKAGE_QFN60, DEVICE, WAFER = 1, 0x89ABCDEF, 0x01234567
BUFFER_TOO_SMALL = -13
FLASH_16_MIB = 0x0C00


def image():
    """Return the bytes of the boot ROM."""
    return (BUILD / "boot_rom.bin").read_bytes()


class BootRom:
    """The boot ROM of *chip*."""

    def __init__(self, chip):
        self.chip = chip
        self._calls = {
            0xE0: self._erase,
            0xE1: self._program,
            0xE2: self._usb_boot,
            0xE3: self._missing,
            0xE4: self._get_sys_info,
            0xE5: lambda: chip.peripherals.qmi.leave_xip(),
            0xE6: lambda: chip.peripherals.qmi.enter_serial_xip(),
            0xE7: lambda: chip.peripherals.xip_cache.invalidate_all(),
        }
        self._random = [0] * 4

    def reset(self, random):
        """Draw the numbers that are the same until the next reset."""
        self._random = [random.getrandbits(32) for _ in self._random]

    def call(self, number):
        """Do what BKPT *number* asks for. Return False if it asks for nothing."""
        does = self._calls.get(number)
        if does is None:
            return False
        does()
        return True

    def _arguments(self, count):
        return [self.chip.uc.reg_read(register) for register in GENERAL[:count]]

    def _erase(self):
        offset, size = self._arguments(2)
        erase(self.chip.flash, offset, size)
        self._forget_code(offset, size)

    def _program(self):
        offset, source, size = self._arguments(3)
        data = self.chip.peripherals.memory.read(source, size)
        if data is None:
            raise Fault("the boot ROM programs flash from what is not memory", source, status=PRECISERR | BFARVALID)
        program(self.chip.flash, offset, data)
        self._forget_code(offset, size)

    def _forget_code(self, offset, size):
        """Have unicorn translate again what was executed from these bytes of flash."""
        self.chip.uc.ctl_remove_cache(FLASH + offset, FLASH + offset + size)

    def _usb_boot(self):
        raise UsbBoot()

    def _missing(self):
        caller = self.chip.uc.reg_read(LR) & ~1
        raise Fault(f"the emulator's boot ROM lacks the function that is called from {hex8(caller)}")

    def _get_sys_info(self):
        buffer, size, flags = self._arguments(3)
        answers = {
            CHIP_INFO: [PACKAGE_QFN60, DEVICE, WAFER],
            CRITICAL: [0],
            CPU_INFO: [0],  # Arm
            FLASH_DEVICES: [FLASH_16_MIB],
            BOOT_RANDOM: self._random,
            BOOT_INFO: [0] * 4,  # a normal boot
        }
        words = [flags & sum(answers)]
        for flag, answer in answers.items():
            if flags & flag:
                words += answer
        if len(words) <= size:
            data = struct.pack(f"<{len(words)}I", *words)
            if not self.chip.peripherals.memory.write(buffer, data):
                raise Fault("get_sys_info() with a buffer that is not memory", buffer, status=PRECISERR | BFARVALID)
        self.chip.uc.reg_write(GENERAL[0], (len(words) if len(words) <= size else BUFFER_TOO_SMALL) & 0xFFFFFFFF)
