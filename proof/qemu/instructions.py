"""Compare the interpreter, thumb.py, with QEMU: each form of instruction of the firmware, on random inputs.

The forms are those of the bytes of the functions, so an instruction that is new there is compared as well. QEMU
executes each Case on a Cortex-M3 and on a Cortex-M0, which has ARMv6-M, as the RP2040 has; the interpreter computes it
with numbers, and a part of them with symbols.

Not compared: loads and stores at symbolic addresses, tables, and the stack's limits, which are an Exploration's; the
effect of barriers on other bus masters; addresses that are not aligned, which are a Fault in the interpreter. Nor does
this show that ARMv6-M has an instruction: QEMU's Cortex-M0 executes some that it has not, such as CBZ.
"""

import random as random_numbers

from proof.logic.solver import Solver
from proof.machine.thumb import Interpreter
from proof.qemu.cases import Maker
from proof.qemu.interpreted import Numbers, Symbols, unequal
from proof.qemu.processor import MACHINES, outcomes

SYMBOLIC = 8  # one Case of so many is computed with symbols as well
_SHOWN = 20  # differences in the text of a Report


class Difference:
    """A Case of which the interpreter and a Machine make different things. `way`: "numbers" or "symbols"; `values`:
    [(name, what the interpreter has, what the processor has)]."""

    def __init__(self, machine, case, way, values):
        self.machine = machine
        self.case = case
        self.way = way
        self.values = values

    def __str__(self):
        case = self.case
        lines = [f"{case.code().hex(' ')}: {case.text()}" + (f" ({case.place})" if case.place else "")]
        lines.append(f"    {case.inputs()}")
        for name, own, other in self.values:
            own, other = (hex(each) if type(each) is int else str(each) for each in (own, other))
            lines.append(f"    {name}: {self.machine.core} {other}, the interpreter with {self.way} {own}")
        return "\n".join(lines)


class Report:
    """`forms`: {name of a form: how many Cases on all machines}; `instructions`: how many instructions of the firmware
    differ in their half words; `with_symbols`: how many Cases were computed with symbols too."""

    def __init__(self, cores):
        self.cores = cores
        self.forms = {}
        self.instructions = 0
        self.with_symbols = 0
        self.differences = []

    def __str__(self):
        lines = [
            f"{len(self.forms)} forms, {self.instructions} instructions of the firmware, "
            f"{sum(self.forms.values())} cases on {' and '.join(self.cores)}, {self.with_symbols} of them with symbols "
            f"as well: {len(self.differences) or 'no'} differences"
        ]
        lines += map(str, self.differences[:_SHOWN])
        if len(self.differences) > _SHOWN:
            lines.append(f"and {len(self.differences) - _SHOWN} more")
        return "\n".join(lines)


class Executed:
    """Cases for the instructions of the Functions, and what the Machines have made of them."""

    def __init__(self, functions, cases_per_form, seed, machines=MACHINES):
        self.seed = seed
        self.on_machines = []
        for machine in machines:
            cases = Maker(random_numbers.Random(seed), machine.arena).cases(functions.values(), cases_per_form)
            self.on_machines.append((machine, list(zip(cases, outcomes(machine, cases)))))

    def compared(self, interpreter=Interpreter):
        """Yield (Machine, Case, way, values that differ) for each Case and way of an Interpreter."""
        random = random_numbers.Random(self.seed)
        for machine, executed in self.on_machines:
            form, solver = None, None
            for number, (case, outcome) in enumerate(executed):
                if case.form is not form:  # a solver that knows the terms of all Cases becomes slow
                    form, solver = case.form, Solver()
                yield machine, case, "numbers", unequal(interpreter, case, outcome, Numbers())
                if number % SYMBOLIC == 0:
                    yield machine, case, "symbols", unequal(interpreter, case, outcome, Symbols(random, solver))


def compare(functions, cases_per_form, seed):
    """Return the Report of the interpreter on all instructions of the Functions, {name: Function}.

    Each instruction is a Case as it occurs. Besides, each form has `cases_per_form` Cases with random registers and
    immediates on each Machine; the operands of the first 400 are the pairs of `cases.EDGES`. SystemExit if QEMU is
    missing, or if an instruction has no form.
    """
    executed = Executed(functions, cases_per_form, seed)
    report = Report([machine.core for machine, _ in executed.on_machines])
    for machine, case, way, values in executed.compared():
        if way == "numbers":
            report.forms[case.form.name] = report.forms.get(case.form.name, 0) + 1
            report.instructions += case.place is not None and machine is MACHINES[0]
        else:
            report.with_symbols += 1
        if values:
            report.differences.append(Difference(machine, case, way, values))
    return report
