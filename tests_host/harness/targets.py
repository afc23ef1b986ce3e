"""What `--target` names: where the files of tests_target run.

cpython                           CPython, in the process of pytest: what runs without --target
unix, or a runner's name          MicroPython on this PC: UNIX, UNIX_BYTECODE, STOCK_UNIX, WEBASSEMBLY
qemu:MPS2_AN385, or MPS2_AN385    a board under QEMU
rp2040, rp2350, or RPI_PICO2      an emulated Pico or Pico 2, or a board in the emulator of its chip
/dev/ttyACM0                      the real board at that serial port
socket://..., rfc2217://...       the board at a serial port in the network
labgrid:PLACE                     the board of a place of labgrid, which is acquired for the tests and released after
BOARD@                            in front of the last three: it must be that board

`resolve` finds each target before tests start.
"""

from dataclasses import asdict, dataclass

from emulators import EMULATED_BOARDS, notice
from harness import needs, runners, serial_board, serial_line
from harness.labgrid_place import Place, PlaceError
from harness.target_files import CPYTHON
from qemu import QEMU_MACHINES

CHIPS = {"RP2040": "RPI_PICO", "RP2350": "RPI_PICO2"}
"""What --target may call a chip -> the board of Raspberry Pi with it."""
QEMU, LABGRID = "qemu:", "labgrid:"


class TargetError(Exception):
    """A target is not there, or the tests cannot run on it; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """A target that is there: what --target calls it, and the runner or board that it is. What is at a serial line has
    an address, a speed and the facts of serial_board.py."""

    text: str
    name: str
    address: str | None = None
    speed: int = 115200
    facts: dict | None = None

    def runner(self):
        """Return its runner, not yet started."""
        if self.address:
            return serial_board.SerialBoard(self.text, self.address, self.facts, self.speed)
        return runners.all_runners()[self.name]

    def lacking(self, file):
        """Return what the TargetFile *file* needs and the target has not got, as a list of words."""
        if self.address:
            return serial_board.lacking(self.facts, file)
        return needs.lacking(self.name, file.needed)

    def described(self):
        """Return a line on the target, for people."""
        if self.address:
            return serial_board.described(self.facts)
        return f"{self.name}: {notice(self.name)}" if self.name in EMULATED_BOARDS else f"{self.name}, on this PC"

    as_dict = asdict


def _known():
    """Return {name in upper case: runner}."""
    names = [CPYTHON, *runners.all_runners()]
    return {name.upper(): name for name in names} | CHIPS | {f"{QEMU}{name}".upper(): name for name in QEMU_MACHINES}


def _emulated_or_host(text):
    """Return the Target of that name, which is not at a serial line."""
    name = _known().get(text.upper())
    if name is None:
        raise TargetError(
            f"there is no target {text}: name a serial port (/dev/ttyACM0), labgrid:PLACE, or one of cpython, unix, "
            f"rp2040, rp2350, {', '.join(runners.all_runners())}"
        )
    target = Target(text, name)
    if name != CPYTHON and target.runner().not_built():
        raise TargetError(f"{target.runner().not_built()} is not built: run make build")
    return target


def _at_serial_line(text, stack):
    """Return the Target at a serial line, which says what it is. The ExitStack *stack* releases its Place."""
    board, at, line = text.rpartition("@")
    speed = 115200
    if at and board not in serial_board.boards():
        known = ", ".join(serial_board.boards())
        raise TargetError(f"there is no board {board}: name one of {known}, or the line alone")
    try:
        if line.startswith(LABGRID):
            place = Place(line.removeprefix(LABGRID))
            stack.callback(place.release)
            line, speed = place.address, place.speed
        facts = serial_board.facts_of(line, speed)
    except (PlaceError, serial_line.LineError) as error:
        raise TargetError(str(error)) from error
    problem = serial_board.objection(facts, line, board)
    if problem:
        raise TargetError(problem)
    return Target(text, facts["board"], line, speed, facts)


def is_at_serial_line(text):
    """Return whether *text* names a board at a serial line, in the network or not."""
    line = text.rpartition("@")[2]
    return line.startswith(LABGRID) or serial_line.is_address(line)


def resolve(texts, stack):
    """Return the Targets that --target names by *texts*. The ExitStack *stack* releases the places that they acquire.

    Raise TargetError that says of each of them what is wrong.
    """
    found, problems = [], []
    for text in texts:
        try:
            if texts.count(text) > 1:
                raise TargetError("it is named twice: name each target once")
            found.append(_at_serial_line(text, stack) if is_at_serial_line(text) else _emulated_or_host(text))
        except TargetError as error:
            problems.append(f"--target {text}: {error}")
    for target in found:
        others = [other.text for other in found if other.address == target.address and target.address]
        if others[:1] not in ([], [target.text]):
            problems.append(f"--target {target.text}: it is the same board as {others[0]}: name it once")
    if problems:
        raise TargetError("\n".join(dict.fromkeys(problems)))
    return found
