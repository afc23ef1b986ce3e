"""Count what is left of the heap on a stock Pico and Pico 2 with each package for ARM, and what a collection takes, for
docs/stock_firmware.md.

Each row is a hard reset with another boot.py, in the emulators. The last row is this project's own firmware.
"""

from bench.footprint import MARKED_COLLECTION
from harness.stock_board import BOARDS, StockBoard

KIB = 1024
SIZE = 64 * KIB
PROGRAMS = {
    "nothing": "pass",
    "`import physmem`": "import physmem",
    "`physmem.boot_in_heap(65536)`": f"import physmem\nphysmem.boot_in_heap({SIZE})",
    "`physmem_claim.boot(65536)`": f"import physmem_claim\nphysmem_claim.boot({SIZE})",
}
PACKAGES = ("arm", "arm-raw")
OWN = "physmem frozen into the firmware"

MEASURE = (
    MARKED_COLLECTION
    + """
def largest():
    low, high = 0, gc.mem_free()
    while high - low > 64:
        middle = (low + high) // 2
        try:
            bytearray(middle)
            low = middle
        except MemoryError:
            high = middle
    return low
gc.collect()
free = gc.mem_free()
low = largest()
gc.collect()
collection()
"""
)


def figures(board):
    """Return (bytes of heap that are free, the largest of them in one piece, instructions of a collection)."""
    board.run(MEASURE)
    free, largest = map(int, board.run("print(free, low)").split())
    board.emulator.reset_statistics()
    board.run("collection()")
    first, second, third = (mark["instructions"] for mark in board.emulator.marks())
    return free, largest, third - second - (second - first)


def rows(name, package):
    """Generate (what boot.py does, figures) for the board of that name with the *package*."""
    with StockBoard(name) as board:
        board.install(package)
        for what, program in PROGRAMS.items():
            board.write({"boot.py": program.encode()})
            board.reset_by("import machine\nmachine.reset()")
            yield what, figures(board)


def own(name):
    """Return (what boot.py does, figures) for this project's firmware of that board."""
    with StockBoard(name, folder="") as board:
        return OWN, figures(board)


def main():
    for name in BOARDS:
        for package in PACKAGES:
            where = f"{name}, `{package}`, in boot.py"
            print(f"| {where} | heap that is free | in one piece | instructions of `gc.collect()` |")
            print("|---|---:|---:|---:|")
            for what, numbers in [*rows(name, package), own(name)]:
                print(f"| {what} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
            print()


if __name__ == "__main__":
    main()
