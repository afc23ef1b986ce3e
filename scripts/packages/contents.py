"""What each package for mip holds: this is the one list. packages.make makes them."""

from dataclasses import dataclass

from layers import LIBRARY

# What the raw calls of regions need, and what makes regions: `boot`, `boot_in_heap`, `init`, `physmem_claim.boot`.
RAW = (
    "physmem",
    "physmem_chip",
    "physmem_claim",
    "physmem_collector",
    "physmem_cut",
    "physmem_direct",
    "physmem_engine",
    "physmem_errors",
    "physmem_heap",
    "physmem_install",
    "physmem_overview",
    "physmem_plan",
    "physmem_region",
    "physmem_setup",
    "physmem_state",
    "physmem_system",
    "physmem_thumb",
    "physmem_upkeep",
)
EVERYTHING = tuple(sorted(path.stem for path in LIBRARY.glob("*.py")))


@dataclass(frozen=True)
class Package:
    """A package: the names of its modules, and whether they are .mpy files for ARM or source."""

    modules: tuple
    compiled: bool
    what: str

    @property
    def is_raw(self):
        return self.modules is RAW


PACKAGES = {
    "arm": Package(EVERYTHING, True, "everything, for ARM (.mpy)"),
    "arm-raw": Package(RAW, True, "raw calls alone, for ARM (.mpy)"),
    "source": Package(EVERYTHING, False, "everything, for other machines (.py)"),
    "source-raw": Package(RAW, False, "raw calls alone, for other machines (.py)"),
}
