"""The assembler of firmware/thumb: put the rooms of each function together, check them, and list them.

A file there has functions whose statements are instructions of MicroPython's inline assembler. A function with the
decorator `micropython.asm_thumb` becomes one of the firmware. One with the decorator `holds` says what holds at labels:
it is for the proof (docs/proof.md), not for the firmware. Any other is a *room*, or a *piece* if it has parameters: a
statement that calls it becomes a copy of its body, with the arguments in the place of the parameters. A label that
starts with an underscore is the copy's own. SPECIAL has the instructions that the inline assembler does not know.
"""

import ast
import copy
import pathlib

PROLOGUE_SIZE = 2  # bytes of ``push {r1, r4-r7, lr}``, which the inline assembler puts before the first instruction
CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
REACH = {"b": range(-2048, 2047), **{f"b{condition}": range(-256, 255) for condition in CONDITIONS}}
"""Branch -> distances in bytes from the address of the branch plus 4."""
INSTRUCTIONS = frozenset(REACH) | frozenset(
    [
        "add",
        "and_",
        "asr",
        "bic",
        "bl",
        "bx",
        "cmp",
        "cpsid",
        "cpsie",
        "eor",
        "ldr",
        "ldrb",
        "ldrh",
        "lsl",
        "lsr",
        "mov",
        "mul",
        "mvn",
        "neg",
        "orr",
        "pop",
        "push",
        "ror",
        "str",
        "sub",
        "tst",
    ]
)
NUMBERS = {f"r{number}": number for number in range(16)} | {"sp": 13, "lr": 14, "pc": 15}


def _register(node):
    """Return the number of the register that an operand names."""
    return NUMBERS[ast.unparse(node)]


SPECIAL = {
    "read_primask": lambda rd: (0xF3EF, 0x8010 | _register(rd) << 8),  # mrs rd, PRIMASK
    "read_ipsr": lambda rd: (0xF3EF, 0x8005 | _register(rd) << 8),  # mrs rd, IPSR
    "barrier": lambda: (0xF3BF, 0x8F5F),  # dmb
    "complete_accesses": lambda: (0xF3BF, 0x8F4F),  # dsb
    "fetch_again": lambda: (0xF3BF, 0x8F6F),  # isb
    "load_next": lambda rd, rn: (0xC800 | _register(rn) << 8 | 1 << _register(rd),),  # ldmia rn!, {rd}
    "store_four": lambda rn: (0xC078 | _register(rn) << 8,),  # stmia rn!, {r3-r6}
    "load_spilled": lambda rd, word: (0x9800 | _register(rd) << 8 | word.value,),  # ldr rd, [sp, 4 * word]
    "spill": lambda rd, word: (0x9000 | _register(rd) << 8 | word.value,),  # str rd, [sp, 4 * word]
    "drop": lambda words: (0xB000 | words.value,),  # add sp, 4 * words
    "stack_pointer": lambda rd: (0x4668 | _register(rd),),  # mov rd, sp
    "add_high": lambda rd, rm: (0x4400 | _register(rm) << 3 | _register(rd),),  # add rd, rm, with any rm
    "jump_by": lambda rm: (0x4487 | _register(rm) << 3,),  # add pc, rm: the distance from this instruction plus 4
    "jump_to": lambda rm: (0x4687 | _register(rm) << 3,),  # mov pc, rm
}
"""Name -> the half words of the instruction, from its operands as nodes of the syntax tree."""


class Line:
    """A line of an expanded function: its instruction, label or data as `name` and `operands`, its address, and the
    place in firmware/thumb that it comes from."""

    def __init__(self, call, where, address):
        self.call = call
        self.name = call.func.id
        self.where = where
        self.address = address

    def text(self):
        """Return the statement for the inline assembler."""
        return ast.unparse(self.call)

    def label(self):
        """Return the label that a label defines or a branch names."""
        return self.call.args[0].id

    def size(self):
        """Return the bytes that the line takes."""
        if self.name == "label":
            return 0
        if self.name == "data":
            return self.call.args[0].value * (len(self.call.args) - 1)
        return 4 if self.name == "bl" else 2


class Rooms:
    """The functions of the files in a folder, by name."""

    def __init__(self, folder):
        self.functions = {}
        self.files = {}
        self.points = {}  # label -> what the proof says of it
        for path in sorted(pathlib.Path(folder).glob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.FunctionDef):
                    continue
                labels = _labels_of_point(node)
                for name in labels:
                    if name in self.points:
                        raise ValueError(f"{path.name}:{node.lineno}: {name} has two @holds: make one of them")
                    self.points[name] = node
                if not labels:
                    if node.name in self.functions:
                        raise ValueError(f"{path.name}:{node.lineno}: {node.name} is defined twice: rename one of them")
                    self.functions[node.name] = node
                    self.files[node.name] = path.name

    def assembled(self):
        """Return the functions that the firmware gets, in their order."""
        return [node for node in self.functions.values() if node.decorator_list]

    def lines(self, function, constants):
        """Return the Lines of a function that the firmware gets. ValueError if it cannot be assembled."""
        expansion = _Expansion(self, constants)
        expansion.add(function, {}, ())
        _check_branches(expansion.lines, function.name)
        return expansion.lines


def _labels_of_point(node):
    """Return the labels that a function with the decorator `holds` is about; none for any other function."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call) and ast.unparse(each.func) == "holds"]
    return [label.value for call in calls for label in call.args]


class _Expansion:
    """One function while its rooms are put together."""

    def __init__(self, rooms, constants):
        self.rooms = rooms
        self.constants = constants
        self.lines = []
        self.address = PROLOGUE_SIZE
        self.copies = {}
        self.labels = {}

    def add(self, function, arguments, inside):
        """Add a copy of a function's body. `arguments`: parameter -> operand; `inside`: the functions that it is in."""
        own = self.own_labels(function)
        for call in _calls(function, self.rooms.files[function.name]):
            where = f"{self.rooms.files[function.name]}:{call.lineno}"
            call = _Operands(arguments, own).visit(copy.deepcopy(call))
            name = call.func.id
            piece = self.rooms.functions.get(name)
            if name in SPECIAL:
                self.add_line(ast.Call(ast.Name("data"), _data(name, call.args, where), []), where)
            elif name in INSTRUCTIONS or name in ("label", "data"):
                self.add_line(call, where)
            elif piece is None:
                raise ValueError(f"{where}: {name} is neither an instruction nor a piece: define it in firmware/thumb")
            elif name in inside or piece is function:
                raise ValueError(f"{where}: {name} would contain itself: call it with bl")
            else:
                names = [argument.arg for argument in piece.args.args]
                if len(names) != len(call.args):
                    raise ValueError(f"{where}: {name} takes {len(names)} operands, not {len(call.args)}")
                self.add(piece, dict(zip(names, call.args)), (*inside, function.name))

    def own_labels(self, function):
        """Return {label: what it is called in this copy} of the labels of a function that start with an underscore."""
        calls = _calls(function, self.rooms.files[function.name])
        own = [call.args[0].id for call in calls if call.func.id == "label" and call.args[0].id.startswith("_")]
        if not own:
            return {}
        number = self.copies[function.name] = self.copies.get(function.name, 0) + 1
        return {label: f"{label[1:]}_{number}" for label in own}

    def add_line(self, call, where):
        """Add an instruction, a label or data."""
        line = Line(call, where, self.address)
        for node in ast.walk(call):
            if isinstance(node, ast.Name) and node.id.startswith("_") and node.id not in self.constants:
                raise ValueError(f"{where}: {node.id} is neither an offset of the layout nor a constant")
        if line.name == "label":
            if line.label() in self.labels:
                raise ValueError(f"{where}: the label {line.label()} is used in {self.labels[line.label()]} too")
            self.labels[line.label()] = where
        self.lines.append(line)
        self.address += line.size()


class _Operands(ast.NodeTransformer):
    """Put arguments in the place of parameters, own labels in that of labels with an underscore, and compute sums."""

    def __init__(self, arguments, labels):
        self.names = {**arguments, **{label: ast.Name(name) for label, name in labels.items()}}

    def visit_Name(self, node):
        return self.names.get(node.id, node)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if all(isinstance(operand, ast.Constant) for operand in (node.left, node.right)):
            return ast.Constant(eval(ast.unparse(node)))
        return node


def _calls(function, file):
    """Return the calls that the body of a function consists of, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    for statement in body:
        call = getattr(statement, "value", None)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError(f"{file}:{statement.lineno}: {ast.unparse(statement)} is not an instruction")
    return [statement.value for statement in body]


def _data(name, operands, where):
    """Return the operands of the data that stand for an instruction of SPECIAL."""
    try:
        halves = SPECIAL[name](*operands)
    except (TypeError, KeyError, AttributeError):
        raise ValueError(
            f"{where}: {name} does not take {', '.join(map(ast.unparse, operands)) or 'nothing'}"
        ) from None
    return [ast.Constant(2), *map(ast.Constant, halves)]


def _check_branches(lines, name):
    """Check that each branch goes to a label of the function that it reaches. ValueError if not."""
    places = {line.label(): line.address for line in lines if line.name == "label"}
    for line in lines:
        if line.name in REACH or line.name == "bl":
            if line.label() not in places:
                raise ValueError(f"{line.where}: {name} has no label {line.label()}")
            distance = places[line.label()] - line.address - 4
            if line.name in REACH and distance not in REACH[line.name]:
                raise ValueError(
                    f"{line.where}: {line.name} does not reach {line.label()}, which is {distance} bytes away: "
                    "branch to a branch that is nearer, or move the room"
                )


def source(function, lines):
    """Return the source of a function that the firmware gets, from its Lines. Each line says where it comes from: the
    compiler names it when it refuses an operand."""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    body = "".join(f"    {line.text()}  # {line.where}\n" for line in lines)
    return f"@micropython.asm_thumb\ndef {function.name}({ast.unparse(function.args)}){returns}:\n{body}"


def listing(function, lines):
    """Return the Lines of a function for reading: the address in bytes from its start, the place in firmware/thumb that
    the line comes from, the instruction, and the distance and reach of a branch."""
    places = {line.label(): line.address for line in lines if line.name == "label"}
    listed = [f"{function.name}: {lines[-1].address + lines[-1].size()} bytes\n"]
    for line in lines:
        if line.name == "label":
            listed.append(f"\n{line.address:04x}  {line.label()}:\n")
            continue
        text = f"{line.name.rstrip('_')} {', '.join(ast.unparse(operand) for operand in line.call.args)}"
        distance = ""
        if line.name in REACH or line.name == "bl":
            to = places[line.label()]
            reach = REACH.get(line.name)
            distance = f"-> {to:04x}, {to - line.address - 4:+} bytes" + (f" of {reach[-1]}" if reach else "")
        listed.append(f"{line.address:04x}  {line.where:<16}  {text:<40}  {distance}".rstrip() + "\n")
    return "".join(listed)
