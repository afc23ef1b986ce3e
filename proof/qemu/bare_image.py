"""A program for a Cortex-M without firmware: it reads Cases from a file, executes each, and writes what became of it.

A *record* has the words of a Case in memory, then its registers; reading one puts the words where they belong. The
loader sets the registers and flags and pops the address of the Case. The undefined instruction behind it ends in
HardFault, whose frame on the stack has the first registers, the flags and the address; the handler puts all of it back
into the record. So no register is lost, and it does not matter where the Case goes on. A Case for an exception runs in
the handler of an interrupt.

Files are those of the host, by semihosting. Source: Semihosting for AArch32 and AArch64 (Arm), chapters 2 and 6;
Arm v6-M Architecture Reference Manual (DDI 0419), B1.5 (exceptions) and B4.2 (MSR).
"""

import struct

from proof.machine.forms import FORMS, LR, fields_of_call
from proof.qemu.cases import EXCEPTIONS, MEMORY, MEMORY_WORDS, MOST_HALVES, UNDEFINED

INPUT, OUTPUT = "cases", "results"  # names of the files
_NAMES = [*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "status", "primask", "exception"]
_NAMES += ["code", "more_code"]
_STACK = 0x20000400  # the address behind the stack of the program itself
_REGISTERS = MEMORY + 4 * MEMORY_WORDS
_CONTROL = _REGISTERS + 0x80
_INPUT_HANDLE, _OUTPUT_HANDLE, _SAVED_STACK, _DONE, _ARGUMENTS = range(0, 20, 4)  # offsets there
RECORD = struct.Struct(f"<{MEMORY_WORDS + len(_NAMES)}I")
_SYS_OPEN, _SYS_WRITE, _SYS_READ, _SYS_EXIT = 1, 5, 6, 0x18
_APPLICATION_EXIT = 0x20026
_READ_BINARY, _WRITE_BINARY = 1, 5
_ISER, _ISPR = 0xE000E100, 0xE000E200  # enable an interrupt, make it pending
_FORM = {form.name: form for form in FORMS}


def record_of(case):
    """Return the record of a Case, as bytes."""
    flags = sum(flag << (31 - number) for number, flag in enumerate(case.flags))
    halves = (*case.halves, *[UNDEFINED] * (MOST_HALVES - len(case.halves)))
    code = [halves[0] | halves[1] << 16, halves[2] | halves[3] << 16]
    registers = [*case.registers, case.start, flags, int(case.is_masked), case.exception, *code]
    return RECORD.pack(*case.memory, *registers)


def _offset(name):
    return 4 * _NAMES.index(name)


class _Program:
    """Machine code that lies at the address 0."""

    def __init__(self, start):
        self._halves = [0] * (start // 2)
        self._labels = {}
        self._branches = []

    def here(self):
        return 2 * len(self._halves)

    def put(self, name, **fields):
        """Add an instruction of a form."""
        self._halves += _FORM[name].halves(fields)

    def put_halves(self, *halves):
        self._halves += halves

    def label(self, name):
        self._labels[name] = self.here()

    def branch(self, form, label):
        self._branches.append((len(self._halves), form, label))
        self._halves += [0] * (_FORM[form].size // 2)

    def constant(self, register, value):
        """Load a number of 32 bits, from the highest byte on."""
        self.put("mov 8 bits", d=register, i=value >> 24)
        for shift in (16, 8, 0):
            self.put("lsl by a number", d=register, m=register, i=8)
            self.put("add 8 bits", d=register, i=value >> shift & 0xFF)

    def load(self, register, base, offset):
        self.put("ldr", d=register, b=base, i=offset // 4)

    def store(self, register, base, offset):
        self.put("str", n=register, b=base, i=offset // 4)

    def store_half(self, register, base, offset):
        self.put_halves(0x8000 | offset // 2 << 6 | base << 3 | register)  # strh

    def set_special(self, number, register):
        self.put_halves(0xF380 | register, 0x8800 | number)  # msr; 0: APSR, 16: PRIMASK

    def get_special(self, register, number):
        self.put_halves(0xF3EF, 0x8000 | register << 8 | number)  # mrs

    def text(self, text):
        """Add a text and a zero, and return its address and length."""
        data = text.encode() + b"\0"
        data += b"\0" * (len(data) & 1)
        at = self.here()
        self._halves += struct.unpack(f"<{len(data) // 2}H", data)
        return at, len(text)

    def address(self, label):
        return self._labels[label]

    def code(self, vectors):
        """Return the image: the vectors, then the code with its branches resolved."""
        halves = list(self._halves)
        for place, name, label in self._branches:
            form = _FORM[name]
            distance = self._labels[label] - (2 * place + 4)
            near = {"i": distance // 2 & ((1 << form.width("i")) - 1)}
            fields = fields_of_call(distance) if name == "bl" else near
            if form.distance(fields) != distance:
                raise ValueError(f"{name} does not reach {label}")
            halves[place : place + form.size // 2] = form.halves(fields)
        code = struct.pack(f"<{len(halves)}H", *halves)
        head = struct.pack(f"<{len(vectors)}I", *vectors)
        return head + code[len(head) :]


def image(arena):
    """Return the program as bytes, to be loaded at the address 0. `arena`: the range of addresses of the Cases."""
    program = _Program(4 * EXCEPTIONS.stop)
    names = {INPUT: program.text(INPUT), OUTPUT: program.text(OUTPUT)}
    program.label("main")
    _fill(program, arena)
    _open(program, names[INPUT], _READ_BINARY, _INPUT_HANDLE)
    _open(program, names[OUTPUT], _WRITE_BINARY, _OUTPUT_HANDLE)
    _add_loop(program)
    _add_run(program)
    _add_finish(program)
    _add_trap(program)
    _add_handler(program)
    vectors = [_STACK, program.address("main") | 1]
    vectors += [program.address("trap") | 1] * (EXCEPTIONS.start - len(vectors))
    vectors += [program.address("handler") | 1] * len(EXCEPTIONS)
    return program.code(vectors)


def _fill(program, arena):
    program.constant(0, arena.start)
    program.constant(1, arena.stop)
    program.constant(3, UNDEFINED << 16 | UNDEFINED)
    for register in (4, 5, 6):
        program.put("mov any register", d=register, m=3)
    program.label("fill")
    program.put("stm", b=0, r=0b01111000)
    program.put("cmp", n=0, m=1)
    program.branch("bcc", "fill")


def _call_host(program, number, arguments):
    """Call the host with the registers `arguments` as a list of its own. The result is in r0. r7 is kept."""
    program.constant(6, _CONTROL + _ARGUMENTS)
    for place, register in enumerate(arguments):
        program.store(register, 6, 4 * place)
    program.put("mov any register", d=1, m=6)
    program.put("mov 8 bits", d=0, i=number)
    program.put_halves(0xBEAB)  # bkpt: the host's turn


def _open(program, name, mode, handle):
    address, length = name
    program.constant(2, address)
    program.put("mov 8 bits", d=3, i=mode)
    program.put("mov 8 bits", d=4, i=length)
    _call_host(program, _SYS_OPEN, (2, 3, 4))
    program.constant(7, _CONTROL)
    program.store(0, 7, handle)


def _transfer(program, number, handle):
    """Read or write the record. r0 is how many bytes that has left."""
    program.constant(7, _CONTROL)
    program.load(2, 7, handle)
    program.constant(3, MEMORY)
    program.constant(4, RECORD.size)
    _call_host(program, number, (2, 3, 4))


def _add_loop(program):
    """Read a record, run it here or in the handler of an interrupt, and write it. Exit at the end of the file."""
    program.label("loop")
    _transfer(program, _SYS_READ, _INPUT_HANDLE)
    program.put("cmp 8 bits", n=0, i=0)
    program.branch("bne", "exit")
    program.constant(7, _REGISTERS)
    program.load(0, 7, _offset("exception"))
    program.put("cmp 8 bits", n=0, i=0)
    program.branch("bne", "interrupt")
    program.branch("bl", "run")
    program.branch("b", "write")
    program.label("interrupt")
    program.constant(7, _CONTROL)
    program.put("mov 8 bits", d=1, i=0)
    program.store(1, 7, _DONE)
    program.put("mov 8 bits", d=1, i=1)
    program.put("sub 8 bits", d=0, i=EXCEPTIONS.start)
    program.put("lsl", d=1, m=0)
    program.constant(2, _ISER)
    program.store(1, 2, 0)
    program.constant(2, _ISPR)
    program.store(1, 2, 0)
    program.label("wait")
    program.load(0, 7, _DONE)
    program.put("cmp 8 bits", n=0, i=0)
    program.branch("beq", "wait")
    program.label("write")
    _transfer(program, _SYS_WRITE, _OUTPUT_HANDLE)
    program.put("cmp 8 bits", n=0, i=0)
    program.branch("bne", "exit")
    program.branch("b", "loop")
    program.label("exit")
    program.constant(1, _APPLICATION_EXIT)
    program.put("mov 8 bits", d=0, i=_SYS_EXIT)
    program.put_halves(0xBEAB)


def _add_run(program):
    """Put the code of the record where it belongs, and go there with its registers."""
    program.label("run")
    program.put("push with lr", r=0b11110000)
    program.constant(7, _CONTROL)
    program.put("mov any register", d=0, m=13)
    program.store(0, 7, _SAVED_STACK)
    program.constant(7, _REGISTERS)
    program.load(1, 7, _offset("pc"))
    for number, name in enumerate(("code", "more_code")):
        program.load(0, 7, _offset(name))
        program.store_half(0, 1, 4 * number)
        program.put("lsr by a number", d=0, m=0, i=16)
        program.store_half(0, 1, 4 * number + 2)
    program.put("dsb")
    program.put("isb")
    program.put("add 8 bits", d=1, i=1)  # Thumb
    program.load(2, 7, _offset("sp"))
    program.put("sub 8 bits", d=2, i=4)
    program.store(1, 2, 0)
    program.put_halves(0x4695)  # mov sp, r2
    for number in (8, 9, 10, 11, 12, LR):
        program.load(0, 7, _offset("lr" if number == LR else f"r{number}"))
        program.put("mov any register", d=number, m=0)
    program.load(0, 7, _offset("primask"))
    program.set_special(16, 0)
    program.load(0, 7, _offset("status"))
    program.set_special(0, 0)
    program.put_halves(0xCFFF)  # ldm r7, {r0-r7}
    program.put("pop with pc", r=0)


def _add_trap(program):
    """Take what the Case has left into the record. The frame at sp has r0 to r3, r12, lr, pc and xPSR."""
    program.label("trap")
    program.put("mov any register", d=0, m=13)
    program.constant(1, _REGISTERS)
    program.put("add 8 bits", d=1, i=_offset("r4"))
    program.put("stm", b=1, r=0b11110000)
    for number in range(4):
        program.put("mov any register", d=4 + number, m=8 + number)
    program.put("stm", b=1, r=0b11110000)
    program.constant(1, _REGISTERS)
    program.load(4, 1, _offset("pc"))
    program.constant(5, UNDEFINED)
    for number in range(MOST_HALVES):
        program.store_half(5, 4, 2 * number)
    for place, name in ((16, "r12"), (20, "lr"), (24, "pc"), (28, "status")):
        program.load(2, 0, place)
        program.store(2, 1, _offset(name))
    # Bit 9 of xPSR, which is still in r2, says that four bytes lie above the frame.
    program.put("lsr by a number", d=3, m=2, i=9)
    program.put("mov 8 bits", d=4, i=1)
    program.put("and", d=3, m=4)
    program.put("lsl by a number", d=3, m=3, i=2)
    program.put("add 8 bits", d=3, i=32)
    program.put("add registers", d=3, n=3, m=0)
    program.store(3, 1, _offset("sp"))
    program.get_special(3, 16)
    program.store(3, 1, _offset("primask"))
    program.put("lsl by a number", d=4, m=4, i=24)  # Thumb
    program.put("orr", d=2, m=4)
    program.store(2, 0, 28)
    program.constant(3, program.address("finish"))
    program.store(3, 0, 24)
    program.put("ldm", b=0, r=0b11110000)
    program.put("stm", b=1, r=0b11110000)
    program.put("bx", j=LR)


def _add_finish(program):
    """Return from `run`."""
    program.label("finish")
    program.constant(7, _CONTROL)
    program.load(0, 7, _SAVED_STACK)
    program.put_halves(0x4685)  # mov sp, r0
    program.put("cpsie")
    program.put("pop with pc", r=0b11110000)


def _add_handler(program):
    """Run the record in the handler of an interrupt."""
    program.label("handler")
    program.put("push with lr", r=0b11110000)
    program.branch("bl", "run")
    program.constant(7, _CONTROL)
    program.put("mov 8 bits", d=0, i=1)
    program.store(0, 7, _DONE)
    program.put("pop with pc", r=0b11110000)
