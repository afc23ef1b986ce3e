"""An interpreter of the Thumb instructions that the assembler uses, on words that are known or symbolic.

Source: Arm v6-M Architecture Reference Manual (DDI 0419), chapters A5 to A7; each case names the encoding. main.py
compares each of them with QEMU: `instructions.py`.
"""

from proof.logic.terms import FALSE, TRUE, bits

SP, LR, PC = 13, 14, 15
N, Z, C, V = range(4)
COST = 24  # bits of a number of instructions, with a sign
_NOTHING = bits(0, COST)


class Fault(Exception):
    """What the processor would do next is wrong, whatever the specification says: an access outside, for instance."""


class State:
    """What an instruction works on: registers, flags (as Truths), the words of the stack, arrays of memory by name.

    `path` are the conditions under which the code comes here; `steps` how many instructions it has taken at most;
    `calls` the places to which the subroutines return that it is in; `notes` what a proof keeps beside it. `cost`: the
    instructions that a proof counts beside `steps`, Bits of COST bits with a sign.
    """

    __slots__ = (
        "registers",
        "flags",
        "stack",
        "arrays",
        "pc",
        "path",
        "steps",
        "cost",
        "calls",
        "masked",
        "compared",
        "notes",
    )

    def __init__(self):
        self.cost = _NOTHING

    def copy(self):
        other = State()
        other.cost = self.cost
        other.registers = list(self.registers)
        other.flags = list(self.flags)
        other.stack = dict(self.stack)
        other.arrays = dict(self.arrays)
        other.pc, other.path, other.steps, other.calls = self.pc, self.path, self.steps, self.calls
        other.masked, other.compared = self.masked, self.compared
        other.notes = dict(self.notes)
        return other

    def under(self, condition):
        """Return a copy on whose path the condition is true too."""
        other = self.copy()
        if condition.known is None:
            other.path = (*self.path, condition)
        return other


def added(state, a, b, carry=0):
    """Return a + b + carry, and set all flags."""
    total = a + b + carry
    state.flags[N] = total.bit(31)
    state.flags[Z] = total == 0
    state.flags[C] = total < a if carry == 0 else total <= a
    state.flags[V] = ((a ^ total) & (b ^ total)).bit(31)
    state.compared = None
    return total


def subtracted(state, a, b):
    """Return a - b, and set all flags."""
    difference = a - b
    state.flags[N] = difference.bit(31)
    state.flags[Z] = a == b
    state.flags[C] = a >= b
    state.flags[V] = ((a ^ b) & (a ^ difference)).bit(31)
    state.compared = (a, b)
    return difference


def set_result_flags(state, value):
    """Set N and Z; C and V stay."""
    state.flags[N] = value.bit(31)
    state.flags[Z] = value == 0
    state.compared = None


def shifted(state, kind, value, count):
    """Return `value` shifted by the register `count`, whose lowest byte counts, and set N, Z and C."""
    count = count & 0xFF
    moved = count != 0
    if kind == "lsl":
        result = value << count
        last = (value << (count - 1)).bit(31)
    elif kind == "lsr":
        result = value >> count
        last = (value >> (count - 1)).bit(0)
    elif kind == "asr":
        result = value.shift_with_sign(count)
        last = value.shift_with_sign(count - 1).bit(0)
    else:
        turns = count & 31
        result = (value >> turns) | (value << (32 - turns))
        last = result.bit(31)
    state.flags[C] = moved.choose(last, state.flags[C])
    set_result_flags(state, result)
    return result


def holds(state, condition):
    """Return the Truth of a condition code. Source: A7.3."""
    n, z, c, v = state.flags
    less = ~n.same_as(v)
    if condition >= 10 and state.compared:
        left, right = state.compared
        less = left.less_with_sign(right)
    all_of_them = (z, ~z, c, ~c, n, ~n, v, ~v, c & ~z, ~c | z, ~less, less, ~less & ~z, less | z)
    return all_of_them[condition]


_DATA_PROCESSING = (
    "and", "eor", "lsl", "lsr", "asr", "adc", "sbc", "ror", "tst", "neg", "cmp", "cmn", "orr", "mul", "bic", "mvn",
)  # fmt: skip


class Interpreter:
    """Executes the bytes of a Function, which lie at the address `base`.

    `world` has the memory that is not code, and answers `load(state, address)` and `store(state, address, value)`, each
    with a list of (state, ...), one for each place where a symbolic address may be. `split(state, condition)` returns
    [(state, bool)] for what the condition may be.
    """

    def __init__(self, function, world, base):
        self.function = function
        self.code = function.code
        self.base = base
        self.world = world

    def halfword(self, address):
        offset = address - self.base
        if not 0 <= offset <= len(self.code) - 2 or offset & 1:
            raise Fault(f"goes on at {address:#x}, which is not in {self.function.name}")
        return self.code[offset] | self.code[offset + 1] << 8

    def step(self, state):
        """Execute one instruction of *state*, which is used up. Return the states behind it."""
        first = self.halfword(state.pc)
        state.steps += 1
        state.pc += 2
        if first >> 11 in (0b11101, 0b11110, 0b11111):
            return self._wide(state, first, self.halfword(state.pc))
        return self._GROUPS[first >> 12](self, state, first)

    def _shift_by_number(self, state, code):
        """Encodings T1 of LSL, LSR and ASR (immediate)."""
        registers, count = state.registers, code >> 6 & 31
        value = registers[code >> 3 & 7]
        if code >> 11 == 0:
            if count:
                state.flags[C] = value.bit(32 - count)
            result = value << count
        else:
            count = count or 32
            state.flags[C] = value.bit(count - 1)
            result = value >> count if code >> 11 == 1 else value.shift_with_sign(count)
        registers[code & 7] = result
        set_result_flags(state, result)
        return [state]

    def _shift_add_subtract(self, state, code):
        if code >> 11 != 3:
            return self._shift_by_number(state, code)
        # ADD, SUB (immediate T1, register T1)
        registers = state.registers
        operand = bits(code >> 6 & 7) if code >> 10 & 1 else registers[code >> 6 & 7]
        operation = subtracted if code >> 9 & 1 else added
        registers[code & 7] = operation(state, registers[code >> 3 & 7], operand)
        return [state]

    def _with_byte(self, state, code):
        """MOV, CMP, ADD, SUB (immediate): T1, T1, T2, T2."""
        register, number, kind = code >> 8 & 7, bits(code & 255), code >> 11 & 3
        registers = state.registers
        if kind == 0:
            registers[register] = number
            set_result_flags(state, number)
        elif kind == 1:
            subtracted(state, registers[register], number)
        else:
            registers[register] = (added if kind == 2 else subtracted)(state, registers[register], number)
        return [state]

    def _register_operations(self, state, code):
        if code >> 11 == 9:
            raise Fault(f"{code:#06x} is a load relative to the program counter, which the assembler has not")
        if code >> 10 == 0b010001:
            return self._high_registers(state, code)
        registers, target = state.registers, code & 7
        kind = _DATA_PROCESSING[code >> 6 & 15]
        a, b = registers[target], registers[code >> 3 & 7]
        if kind in ("lsl", "lsr", "asr", "ror"):
            registers[target] = shifted(state, kind, a, b)
        elif kind == "neg":
            registers[target] = subtracted(state, bits(0), b)
        elif kind == "cmp":
            subtracted(state, a, b)
        elif kind in ("adc", "sbc", "cmn"):
            raise Fault(f"{kind}, which the assembler does not use")
        else:
            result = {
                "and": lambda: a & b,
                "eor": lambda: a ^ b,
                "tst": lambda: a & b,
                "orr": lambda: a | b,
                "mul": lambda: a * b,
                "bic": lambda: a & ~b,
                "mvn": lambda: ~b,
            }[kind]()
            if kind != "tst":
                registers[target] = result
            set_result_flags(state, result)
        return [state]

    def _high_registers(self, state, code):
        """ADD (register T2), CMP (register T2), MOV (register T1), BX."""
        registers = state.registers
        source, target, kind = code >> 3 & 15, code & 7 | code >> 4 & 8, code >> 8 & 3
        value = bits(state.pc + 2) if source == PC else registers[source]
        if kind == 3:
            if code & 0x80:
                raise Fault("blx, which the assembler does not use")
            return self._jump(state, value, is_exchange=True)
        if kind == 1:
            subtracted(state, bits(state.pc + 2) if target == PC else registers[target], value)
            return [state]
        if kind == 0:
            value = (bits(state.pc + 2) if target == PC else registers[target]) + value
        if target == PC:
            return self._jump(state, value, is_exchange=False)
        registers[target] = value & ~3 if target == SP else value
        return [state]

    def _jump(self, state, to, is_exchange):
        """Go to an address. With `is_exchange` its bit 0, which says Thumb, must be set."""
        states = []
        for other, address in self.world.numbers(state, to):
            if is_exchange and not address & 1:
                raise Fault(f"leaves Thumb code for {address:#x}")
            other.pc = address & ~1
            if other.calls and other.calls[-1] == other.pc:
                other.calls = other.calls[:-1]
            states.append(other)
        return states

    def _load_store_register(self, state, code):
        raise Fault(f"{code:#06x} is a load or store with a register as offset, which the assembler does not use")

    def _load_store_number(self, state, code):
        """LDR, STR, LDRB, STRB, LDRH (immediate T1)."""
        kind, offset = code >> 11, code >> 6 & 31
        size = {0b01100: 4, 0b01101: 4, 0b01111: 1, 0b10001: 2}.get(kind)
        if size is None:
            raise Fault(f"{code:#06x} stores a part of a word, which the assembler does not do")
        address = state.registers[code >> 3 & 7] + offset * size
        if kind == 0b01100:
            return self._store(state, address, state.registers[code & 7])
        return self._load(state, address, size, code & 7)

    def _load(self, state, address, size, target):
        states = []
        for other, value in self.world.load(state, address, size):
            other.registers[target] = value
            states.append(other)
        return states

    def _store(self, state, address, value):
        return self.world.store(state, address, value)

    def _load_store_stack(self, state, code):
        """LDR, STR (immediate T2): relative to the stack pointer."""
        address = state.registers[SP] + (code & 255) * 4
        if code >> 11 & 1:
            return self._load(state, address, 4, code >> 8 & 7)
        return self._store(state, address, state.registers[code >> 8 & 7])

    def _address(self, state, code):
        raise Fault(f"{code:#06x} is ADR or ADD of the stack pointer to a register, which the assembler does not use")

    def _miscellaneous(self, state, code):
        """ADD (SP plus immediate T2), PUSH, POP, CPS."""
        registers = state.registers
        if code >> 7 == 0b101100000:
            registers[SP] = registers[SP] + (code & 127) * 4
            return [state]
        if code >> 9 == 0b1011010:
            pushed = [*(number for number in range(8) if code >> number & 1), *([LR] if code >> 8 & 1 else [])]
            registers[SP] = registers[SP] - 4 * len(pushed)
            self.world.check_stack(state)
            for place, number in enumerate(pushed):
                state.stack[registers[SP].number + 4 * place] = registers[number]
            return [state]
        if code >> 9 == 0b1011110:
            return self._pop(state, code)
        if code in (0xB672, 0xB662):
            state.masked = TRUE if code == 0xB672 else FALSE
            return [state]
        raise Fault(f"{code:#06x} is an instruction that the assembler does not use")

    def _pop(self, state, code):
        registers = state.registers
        popped = [number for number in range(8) if code >> number & 1]
        for number in popped:
            registers[number] = self.world.popped(state)
        if code >> 8 & 1:
            return self._jump(state, self.world.popped(state), is_exchange=True)
        return [state]

    def _multiple(self, state, code):
        """LDM, STM (T1), with the base register written back."""
        base, numbers = code >> 8 & 7, [number for number in range(8) if code >> number & 1]
        is_load = code >> 11 & 1
        states = [state]
        for place, number in enumerate(numbers):
            after = []
            for each in states:
                address = each.registers[base] + 4 * place
                if is_load:
                    if base in numbers:
                        raise Fault("ldm into its own base register")
                    after += self._load(each, address, 4, number)
                else:
                    after += self._store(each, address, each.registers[number])
            states = after
        for each in states:
            each.registers[base] = each.registers[base] + 4 * len(numbers)
        return states

    def _branch_if(self, state, code):
        """B (T1)."""
        condition, distance = code >> 8 & 15, (code & 255) - ((code & 128) << 1)
        if condition >= 14:
            raise Fault(f"{code:#06x} is undefined, or a call of the system")
        states = []
        for other, is_true in self.world.split(state, holds(state, condition)):
            if is_true:
                other.pc += 2 + 2 * distance
            states.append(other)
        return states

    def _branch(self, state, code):
        """B (T2)."""
        state.pc += 2 + 2 * ((code & 0x7FF) - ((code & 0x400) << 1))
        return [state]

    def _wide(self, state, first, second):
        """BL, MRS of PRIMASK and IPSR, DMB, DSB, ISB."""
        state.pc += 2
        if first == 0xF3EF and second & 0xF0FF == 0x8010:
            state.registers[second >> 8 & 15] = state.masked.choose(bits(1), bits(0))
        elif first == 0xF3EF and second & 0xF0FF == 0x8005:
            state.registers[second >> 8 & 15] = self.world.exception_number
        elif first == 0xF3BF and second in (0x8F5F, 0x8F4F, 0x8F6F):
            pass  # one core, and memory that nobody else writes: the accesses are in order already
        elif first >> 11 == 0b11110 and second & 0xD000 == 0xD000:
            sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
            distance = (first & 0x3FF) << 12 | (second & 0x7FF) << 1
            distance |= (1 - (j1 ^ sign)) << 23 | (1 - (j2 ^ sign)) << 22
            state.registers[LR] = bits(state.pc | 1)
            to = state.pc + distance - (sign << 24)
            if to - self.base in self.world.subroutines:
                state.calls = (*state.calls, state.pc)
            state.pc = to
        else:
            raise Fault(f"{first:#06x} {second:#06x} is an instruction that the assembler does not use")
        return [state]

    _GROUPS = (
        _shift_add_subtract,
        _shift_add_subtract,
        _with_byte,
        _with_byte,
        _register_operations,
        _load_store_register,
        _load_store_number,
        _load_store_number,
        _load_store_number,
        _load_store_stack,
        _address,
        _miscellaneous,
        _multiple,
        _branch_if,
        _branch,
        _wide,
    )
