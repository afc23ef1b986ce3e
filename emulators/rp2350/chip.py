"""One RP2350 with Cortex-M33 cores, on unicorn: its cores in turns, its memories, and what its peripherals ask for.

unicorn executes the instructions of one core at a time. It lacks the interrupt controller, exception entry and return,
sleep and the coprocessors. Those are in this folder.
"""

import mmap
import random
import struct

from unicorn import UC_ARCH_ARM, UC_HOOK_INSN_INVALID, UC_HOOK_INTR, UC_HOOK_MEM_INVALID, UC_MEM_FETCH_PROT
from unicorn import UC_MEM_FETCH_UNMAPPED, UC_MEM_READ_PROT, UC_MEM_READ_UNMAPPED, UC_MEM_WRITE_PROT, UC_MODE_MCLASS
from unicorn import UC_MODE_THUMB, UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_READ, Uc, UcError, arm_const

import boot_rom
from boot_rom import BootRom
from clocks import CYCLES
from coprocessors import execute
from core import FOR_EVENT, FOR_INTERRUPT, Core
from exceptions import enter, leave, take_fault
from fault import (
    BFARVALID,
    DEBUGEVT,
    IACCVIOL,
    IBUSERR,
    INVSTATE,
    MEMORY,
    PRECISERR,
    STKOF,
    UNALIGNED,
    UNDEFINSTR,
    USAGE,
    Fault,
    Reset,
)
from flash_chip import SIZE as FLASH_SIZE
from memory import SRAM, SRAM_SIZE
from native import CORES, NEVER, WINDOW_BITS, Native, State, address_of
from nvic import SVCALL
from peripherals import Peripherals
from private_bus import SLEEPONEXIT, PrivateBus
from registers import LR, SP, THUMB, XPSR
from uf2 import FLASH

FLASH_MIRRORS = (0x14000000, 0x1C000000)  # uncached, untranslated (datasheet 4.4.1)
TRANSLATED = 64 << 20  # bytes of translated code that unicorn keeps; its own default grows to 1 GiB
NOT_WRITABLE = "write to an address where nothing can be written"

MARK = 0x50  # BKPT with the number MARK marks a point in a program: see `marks`
WFI, WFE = 0xBF30, 0xBF20
EXCEPTIONS = {2: "svc", 3: "fetch", 4: "unaligned", 7: "breakpoint", 8: "return", 17: "coprocessor", 19: "stack limit"}
"""unicorn's numbers of what it does not do itself."""


class Chip:
    """*flash* is the contents of the flash chip, *psram_size* the bytes of PSRAM at the second chip select; *output*
    gets what USB sends. *faults* are names of faults on purpose: see main.py."""

    def __init__(self, flash, psram_size=0, output=None, faults=()):
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M33)
        self.uc.ctl_set_tcg_buffer_size(TRANSLATED)
        self.state = State()
        self.state.lock_is_broken = "spin-lock" in faults
        self.rom = self.memory(0, boot_rom.SIZE, is_writable=False)
        self.flash = self.memory(FLASH, FLASH_SIZE, FLASH_MIRRORS, is_writable=False)
        self.sram = self.memory(SRAM, SRAM_SIZE)
        self.psram_size = psram_size
        image = boot_rom.image()
        self.rom[: len(image)] = image
        self.flash[: len(flash)] = flash
        self._cold = self.uc.context_save()
        self._error = None  # that a callback has raised
        self._cause = None  # why the core has stopped: (name, *details)
        self.marks = []
        self.watched = None
        self.cores = [Core(self, 0), Core(self, 1)]
        self.uc.hook_add(UC_HOOK_INTR, self._on_exception)
        self.uc.hook_add(UC_HOOK_INSN_INVALID, self._on_invalid)
        self.uc.hook_add(UC_HOOK_MEM_INVALID, self._on_bad_access)
        self._private_bus = PrivateBus(self)
        self.boot_rom = BootRom(self)
        self.peripherals = Peripherals(self, output, faults)
        read, write = self.peripherals.sio_callbacks()
        self._native = Native(self.uc, self.state, self._guarded(read), self._guarded(write))
        self.reset(cold=True)

    def memory(self, address, size, mirrors=(), is_writable=True):
        """Return new memory of *size* bytes that the cores can execute at *address* and its *mirrors*."""
        memory = mmap.mmap(-1, size)
        for start in (address, *mirrors):
            self.uc.mem_map_ptr(
                start, size, UC_PROT_ALL if is_writable else UC_PROT_READ | UC_PROT_EXEC, address_of(memory)
            )
            self.register_code(start, memory)
        return memory

    def register_code(self, address, memory):
        """Tell each_instruction.c that *memory* is at *address*, a multiple of 16 MiB."""
        window = self.state.code[address >> WINDOW_BITS]
        window.bytes, window.size = address_of(memory), len(memory)

    # ---- resets and time

    def reset(self, cold=False):
        """Reset both cores and the peripherals. *cold*: as power-up and the RUN pin do (datasheet 7.3), which also
        power SRAM down and up. What SRAM has then is not defined: here, noise that is the same each time."""
        numbers = random.Random(1)
        if cold:
            self.sram[:] = numbers.randbytes(SRAM_SIZE)
            self.uc.ctl_flush_tb()
        self._cause = self._error = None
        self.boot_rom.reset(numbers)
        self.state.random = numbers.getrandbits(32) | 1
        self.state.turn_core = CORES
        self._reset_at = self.now
        self.state.reset_locks()
        self.marks.clear()
        for core in reversed(self.cores):  # core 0 comes last, so that its registers are those of unicorn
            core.instructions = 0
            core.is_held = False
            core.reset()
            self._start(core)
        self.peripherals.reset(cold=cold)
        self.state.alarm = 0
        if self.watched:
            self.watched.start()

    def hold_core_1(self, is_held):
        """Hold core 1 in reset, or let it start."""
        core = self.cores[1]
        core.is_held = is_held
        core.reset()
        self.stop()

    @property
    def core(self):
        """The core that executes."""
        return self.cores[self.state.core]

    @property
    def now(self):
        """Cycles since power-up; an instruction takes one."""
        return self.state.count

    @property
    def microseconds(self):
        """Microseconds since power-up."""
        return self.state.count // CYCLES

    @property
    def nanoseconds(self):
        """Nanoseconds since the last reset."""
        return (self.now - self._reset_at) * 1000 // CYCLES

    def wake_at(self, cycle):
        """Have the peripherals tick at *cycle* at the latest."""
        self.state.alarm = min(cycle, self.state.alarm)
        self.state.limit = min(self.state.limit, max(cycle, self.now))

    def cycles_to_next_alarm(self):
        """Return the cycles until a peripheral does something by itself; None if none will."""
        at = self.peripherals.next_alarm()
        return None if at is None else max(0, at - self.now)

    def pass_time(self, cycles):
        """Let *cycles* pass while all cores sleep."""
        self.state.count += cycles
        self._tick()

    def _tick(self):
        if self.now >= self.state.alarm:
            self.peripherals.tick()
        at = self.peripherals.next_alarm()
        self.state.alarm = NEVER if at is None else at
        if self._cause:
            self._finish(self._take_cause())

    # ---- what peripherals ask for

    def stop(self, *cause):
        """Stop the core after the instruction that it executes, because an interrupt may have to be taken.

        With the *cause* "reset" and a reason, the chip is reset. (To stop unicorn itself in a callback would make it
        execute the instruction again.)
        """
        if cause:
            self._cause = cause
        self.state.is_interrupted = True
        self.state.limit = 0

    def bus_fault(self, what, address):
        """Refuse the access for which a callback was called: the core takes a fault instead of the instruction."""
        self.refuse(Fault(what, address, status=PRECISERR | BFARVALID))

    def refuse(self, fault):
        """Have the core take *fault* instead of the instruction whose access a callback was called for."""
        self._cause = ("fault", fault)
        self.uc.emu_stop()

    def send_event(self):
        """Set the event register of both cores."""
        for core in self.cores:
            core.event = True
        self.stop()

    # ---- running

    def run(self, instructions):
        """Execute up to about *instructions*; return earlier when all cores sleep.

        Raise Reset, Lockup or UsbBoot if that is what happens.
        """
        end = self.now + instructions
        state = self.state
        while self.now < end:
            self._tick()
            awake = 0
            for core in self.cores:
                if core.is_awake():
                    awake |= 1 << core.index
                    self._prepare(core)
            if not awake:
                return
            state.is_event_awaited = any(core.waiting == FOR_EVENT for core in self.cores)
            if self.watched:
                self.watched.follow_stack(not self.cores[0].nvic.active)
            error = self._native.run_turns(awake, end)
            self._look(self.core, error)

    def _prepare(self, core):
        """Have *core* take the exception that is pending, if it can, before its next instruction."""
        if core.is_cold:
            self._start(core)
        if core.nvic.ready:
            self._native.switch_to(core.index)
            try:
                number = core.wanted()
                if number is not None:
                    enter(core, number)
            except Fault as fault:
                take_fault(core, fault)
        self.state.is_masked[core.index] = bool(core.nvic.ready)

    def _look(self, core, error):
        """Do what *core* has stopped for; *error* is unicorn's."""
        state = self.state
        if self._error:
            raised, self._error = self._error, None
            raise raised
        if state.unaligned != NEVER:
            self._cause = ("unaligned", state.unaligned)
            state.unaligned = NEVER
        cause = self._take_cause()
        if cause is None and error:
            cause = ("failed", str(UcError(error)))
        if cause is None and not state.is_stopped and self._half(state.pc) == WFI:
            cause = ("sleep", FOR_INTERRUPT)
        try:
            if cause:
                self._finish(cause)
        except Fault as fault:
            take_fault(core, fault)

    def _take_cause(self):
        cause, self._cause = self._cause, None
        return cause

    def _start(self, core):
        """Set the registers of *core* as a reset does: it starts in the boot ROM."""
        core.is_cold = False
        self._native.switch_to(core.index)
        self.uc.context_restore(self._cold)
        sp, reset = struct.unpack_from("<II", self.rom)
        self.uc.reg_write(SP, sp)
        self.uc.reg_write(LR, 0xFFFFFFFF)
        core.pc = reset & ~1

    def _half(self, address):
        """Return the 16 bits of code at *address*, None if there are none."""
        try:
            return struct.unpack("<H", self.uc.mem_read(address, 2))[0]
        except UcError:
            return None

    # ---- why unicorn has stopped

    def _finish(self, cause):
        """Do what *cause* asks for. Raise Fault if the core has to take one."""
        name, *details = cause
        getattr(self, "_do_" + name.replace(" ", "_"))(*details)

    def _do_fault(self, fault):
        self._undo()
        raise fault

    def _undo(self):
        """Go back to the instruction that could not be executed."""
        self.core.pc = self.state.pc
        self._uncount()

    def _uncount(self):
        """Have the last instruction not count."""
        self.state.count -= 1
        self.core.instructions -= 1

    def _do_fetch(self, address=None):
        address = self.core.pc if address is None else address
        self.core.pc = address
        raise Fault("execution of an address where no code can be", address, MEMORY, IACCVIOL)

    def _do_fetch_unmapped(self, address):
        self.core.pc = address
        raise Fault("execution of an address where nothing is", address, status=IBUSERR)

    def _do_unaligned(self, address=None):
        self._undo()
        what = "unaligned access by an instruction for aligned words only"
        raise Fault(what, address, USAGE, UNALIGNED)

    def _do_undefined(self):
        if not self.uc.reg_read(XPSR) & THUMB:
            raise Fault("branch to Arm state", self.core.pc, USAGE, INVSTATE)
        self._undo()
        raise Fault("undefined instruction", self.core.pc, USAGE, UNDEFINSTR)

    def _do_stack_limit(self):
        self._undo()
        raise Fault("stack pointer below its limit", self.uc.reg_read(SP), USAGE, STKOF)

    def _do_failed(self, message):
        raise RuntimeError(f"unicorn: {message}, at {self.core.pc:#x}")

    def _do_sleep(self, waiting):
        self.core.sleep(waiting)

    def _do_svc(self):
        if self.core.nvic.group(self.core.nvic.priorities[SVCALL]) >= self.core.priority:
            raise Fault("SVC at a priority that SVCall cannot interrupt", None, USAGE)
        enter(self.core, SVCALL)

    def _do_return(self):
        core = self.core
        leave(core, core.pc | 1)
        if not core.nvic.active and core.scb.scr & SLEEPONEXIT:
            core.sleep(FOR_INTERRUPT)

    def _do_coprocessor(self):
        core = self.core
        execute(self.uc, self._half(core.pc), self._half(core.pc + 2), self.peripherals.gpio, core.dcp)
        core.pc += 4

    def _do_breakpoint(self):
        core = self.core
        number = self._half(core.pc) & 0xFF
        if number == MARK:
            self._uncount()
            at = core.instructions
            stack = self.watched.take_stack() if self.watched else {}
            self.marks.append({"core": core.index, "instructions": at, "cycles": at, **stack})
        elif core.pc >= boot_rom.SIZE or not self.boot_rom.call(number):
            raise Fault(f"breakpoint {number} without a debugger", core.pc, hard_status=DEBUGEVT)
        core.pc += 2

    def _do_core_reset(self):
        """AIRCR.SYSRESETREQ: reset this core, and clear the watchdog's record of a reset (REASON, datasheet 12.9)."""
        self.peripherals.watchdog.reason = 0
        self.core.reset()
        self.peripherals.restore_lines(self.core.index)

    @staticmethod
    def _do_reset(why):
        raise Reset(why)

    # ---- unicorn's hooks

    def _on_exception(self, uc, number, _):
        self._cause = (EXCEPTIONS.get(number, "failed"), *(() if number in EXCEPTIONS else (f"exception {number}",)))
        uc.emu_stop()

    def _on_invalid(self, uc, _):
        self._cause = ("sleep", FOR_EVENT) if self._half(self.state.pc) == WFE else ("undefined",)
        uc.emu_stop()
        return True

    def _on_bad_access(self, _uc, access, address, size, value, _data):
        if access in (UC_MEM_READ_PROT, UC_MEM_WRITE_PROT) and self.peripherals.window.has(address):
            written = value if access == UC_MEM_WRITE_PROT else None
            what = self.peripherals.window.refused(address, size, written)
            if what:
                self._cause = ("fault", Fault(what, address, status=PRECISERR | BFARVALID))
            return what is None
        if access == UC_MEM_WRITE_PROT:
            # Do not fault. A write to flash has no effect (WRITABLE_M0 in hardware/regs/xip.h), and TinyUSB writes to
            # address 0 with every packet of endpoint 0, on the real chip too.
            return True
        if access == UC_MEM_FETCH_UNMAPPED:
            self._cause = ("fetch unmapped", address)
        elif access == UC_MEM_FETCH_PROT:
            self._cause = ("fetch", address)
        else:
            is_read = access == UC_MEM_READ_UNMAPPED
            what = "read from an address where nothing is" if is_read else NOT_WRITABLE
            self._cause = ("fault", Fault(what, address, status=PRECISERR | BFARVALID))
        return False

    def _guarded(self, callback):
        """Return *callback* for ctypes, which would drop its errors."""

        def call(*arguments):
            try:
                return callback(*arguments)
            except Exception as error:
                self._error = error
                self.uc.emu_stop()
                return 0

        return call
