"""Firmware of others: MicroPython's own manifests require what `make dist` makes, and the firmware boots with it."""

import importlib.util
import os
import shutil
import subprocess

import pytest

from emulated_board import ROOT
from packages.contents import EVERYTHING
from packages.version import version
from qemu import Qemu

BUILD = ROOT / "build"
LIBRARY = BUILD / "dist" / "freeze"
TREE = (BUILD / "tree").read_text().strip() if (BUILD / "tree").exists() else ""
BOARD = "MPS2_AN385"
PSRAM = 0x21000000
PLAN = f'REGIONS = (("psram", {PSRAM:#x}, 65536, 4096, "EXTERNAL DMA"),)\nOCCUPIED = ()\n'
MAKEFILE = """\
include boards/MPS2_AN385/mpconfigboard.mk
FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
"""
SECONDS = 600


def manifest(options=""):
    return f"add_library('physmem', '{LIBRARY}')\nrequire('physmem'{options})\n"


@pytest.fixture
def executed():
    """Return the function that executes a manifest with MicroPython's own reader, and returns that."""
    spec = importlib.util.spec_from_file_location("manifestfile", f"{TREE}/tools/manifestfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def execute(text):
        reader = module.ManifestFile(module.MODE_FREEZE, {"MPY_LIB_DIR": ""})
        reader.execute(text)
        return reader

    return execute


@pytest.mark.parametrize("thumb", [True, False])
def test_manifest_freezes_the_library_of_that_version(executed, thumb):
    files = executed(manifest(", thumb=True" if thumb else "")).files()
    names = [file.target_path for file in files]
    assert sorted(names) == sorted(f"{module}.py" for module in EVERYTHING if thumb or module != "physmem_thumb")
    assert {file.metadata.version for file in files} == {version()}
    assert {file.metadata.license for file in files} == {"MIT"}
    for file in files:
        made = BUILD / "thumb" / file.target_path if thumb else ROOT / "lib"
        source = made if made.is_file() else ROOT / "lib" / file.target_path
        with open(file.full_path, "rb") as frozen:
            assert frozen.read() == source.read_bytes(), file.target_path


def test_own_firmware_with_the_manifest_boots(tmp_path):
    """MicroPython's own board and build, with nothing else of this project."""
    board, out = tmp_path / BOARD, BUILD / "test_manifest" / BOARD
    board.mkdir()
    (board / "mpconfigboard.mk").write_text(MAKEFILE)
    (board / "physmem_board.py").write_text(PLAN)
    (board / "manifest.py").write_text(manifest(", thumb=True") + "module('physmem_board.py')\n")
    shutil.rmtree(out, ignore_errors=True)
    readme = f"{TREE}/lib/micropython-lib/README.md"
    names = [f"BUILD={out}", f"BOARD={BOARD}", f"BOARD_DIR={board}", f"MICROPY_MPYCROSS={BUILD}/mpy-cross/mpy-cross"]
    names.append(f"MPY_LIB_DIR={os.path.dirname(readme) if os.path.exists(readme) else TREE}")
    done = subprocess.run(
        ["make", "-C", f"{TREE}/ports/qemu", f"-j{os.cpu_count()}", *names, f"{out}/firmware.elf"],
        env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "CROSS_COMPILE")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    with Qemu(f"test_manifest/{BOARD}") as emulator:
        transport = emulator.connect()
        transport.exec("import physmem\nphysmem.boot()\nphysmem.boot_complete()")
        printed = transport.exec("print(physmem.__version__, physmem.direct_calls, hex(physmem.dma_ring(8192).addr))")
        transport.close()
    assert printed.decode().split() == [version(), "True", hex(PSRAM)]
