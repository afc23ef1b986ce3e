"""What differs between the two chips that emulators/ has, as their datasheets say it: one table for the tests of both.

The numbers in the comments are sections of the RP2040 datasheet and of the RP2350 datasheet.
"""

import re
from dataclasses import dataclass

from emulated_board import memory_map


@dataclass(frozen=True)
class Chip:
    """A chip and the board that has it.

    name                    as Raspberry Pi writes it
    board                   of boards/
    machine                 what MicroPython calls the board
    system_clock            hertz, as MicroPython sets it
    registers               name -> address: what programs of the tests use
    control                 field of the DMA's CTRL register -> (lowest bit, bits)
    fifo_words              that fit into the FIFO from one core to the other
    channels                of the DMA controller
    branch_cycles           that the emulator counts for a branch that is taken
    run_keeps_sram          whether a reset by the RUN pin leaves SRAM as it is
    sysresetreq_keeps_reason    whether the watchdog's REASON survives a reset of the core alone
    unaligned_access        a program in which f() makes an access that must be aligned, at an odd address
    mirrors                 addresses at which the flash chip is read, besides FLASH
    """

    name: str
    board: str
    machine: str
    system_clock: int
    registers: dict
    control: dict
    fifo_words: int
    channels: int
    branch_cycles: int
    run_keeps_sram: bool
    sysresetreq_keeps_reason: bool
    unaligned_access: str
    mirrors: tuple

    def __str__(self):
        return self.board

    @property
    def kept(self):
        """The address of a word of retained memory that nothing else uses: the last of the board's first region."""
        _, base, size, _, _ = memory_map(self.board)["REGIONS"][0]
        return base + size - 4

    def with_names(self, source):
        """Return *source* after statements that define what it uses of the registers, FIFO_WORDS, KEPT and mem32."""
        values = self.registers | {"FIFO_WORDS": self.fifo_words, "KEPT": self.kept}
        statements = {"mem32": "from machine import mem32\n"}
        statements |= {name: f"{name} = {value:#x}\n" for name, value in values.items()}
        return "".join(line for name, line in statements.items() if re.search(rf"\b{name}\b", source)) + source


SIO = {  # 2.3.1.7 and 3.1.11, lists of registers: the same addresses
    "CPUID": 0xD0000000,
    "FIFO_ST": 0xD0000050,
    "FIFO_WR": 0xD0000054,
    "FIFO_RD": 0xD0000058,
    "SPINLOCK_ST": 0xD000005C,
    "LOCK": 0xD0000178,  # SPINLOCK30. Erratum RP2350-E2 does not affect it.
}
AIRCR = {"AIRCR": 0xE000ED0C}  # 2.4.8 and 3.7.5: Application Interrupt and Reset Control Register
FLASH = {"FLASH": 0x10000000}  # 2.2.1 and 2.2.2: where the processors execute it

RP2040 = Chip(
    name="RP2040",
    board="RPI_PICO",
    machine="Raspberry Pi Pico with RP2040",
    system_clock=125_000_000,
    registers={
        **SIO,
        **AIRCR,
        **FLASH,
        "WATCHDOG_SCRATCH3": 0x40058018,  # 4.7.6
        "DMA_INTR": 0x50000400,  # 2.5.7, as all of the DMA controller
        "DMA_TIMER0": memory_map("RPI_PICO")["DMA_TIMER0"],
        "DMA_CHAN_ABORT": 0x50000444,
    },
    control={  # 2.5.7: CH0_CTRL_TRIG
        "ring_size": (6, 4),
        "ring_sel": (10, 1),
        "chain_to": (11, 4),
        "write_error": (29, 1),
        "read_error": (30, 1),
        "ahb_error": (31, 1),
    },
    fifo_words=8,  # 2.3.1.4
    channels=12,  # 2.5
    branch_cycles=2,  # Cortex-M0+ manual 3.3
    run_keeps_sram=True,  # 2.12: it resets the logic, and SRAM stays powered
    sysresetreq_keeps_reason=True,  # 2.4.2.9
    unaligned_access="@micropython.viper\ndef f(p):\n    q = ptr32(p)\n    q[0] = 1",  # 2.4: ARMv6-M has none
    mirrors=(0x11000000, 0x12000000, 0x13000000),  # 2.6.3: other ways through the cache
)

RP2350 = Chip(
    name="RP2350",
    board="RPI_PICO2",
    machine="Raspberry Pi Pico2 with RP2350",
    system_clock=150_000_000,
    registers={
        **SIO,
        **AIRCR,
        **FLASH,
        "WATCHDOG_SCRATCH3": 0x400D8018,  # 12.9.7
        "DMA_INTR": 0x50000400,  # 12.6.10, as all of the DMA controller
        "DMA_TIMER0": memory_map("RPI_PICO2")["DMA_TIMER0"],
        "DMA_CHAN_ABORT": 0x50000464,
    },
    control={  # 12.6.10: CH0_CTRL_TRIG
        "ring_size": (8, 4),
        "ring_sel": (12, 1),
        "chain_to": (13, 4),
        "write_error": (29, 1),
        "read_error": (30, 1),
        "ahb_error": (31, 1),
    },
    fifo_words=4,  # 3.1.5
    channels=16,  # 12.6
    branch_cycles=1,  # Arm publishes none for a Cortex-M33: the emulator counts a cycle for each instruction
    run_keeps_sram=False,  # 7.3.1: it resets the power manager too, which powers SRAM down
    sysresetreq_keeps_reason=False,  # 12.9.7
    # ARMv8-M manual, LDREX: the only access here that the firmware's settings do not let be unaligned.
    unaligned_access="@micropython.asm_thumb\ndef f(r0):\n    data(2, 0xE850, 0x1F00)",  # ldrex r1, [r0]
    mirrors=(0x14000000, 0x1C000000),  # 4.4.1: past the cache, and past address translation too
)

CHIPS = (RP2040, RP2350)
