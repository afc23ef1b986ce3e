"""mypy over files of users: with the finished stubs of physmem, and PyPI's of MicroPython for all the rest."""

import re
import subprocess
import sys
from importlib import metadata

from stubs.make import write_stubs

PORT, LANGUAGE = "micropython-rp2-stubs", "micropython-stdlib-stubs"
"""What PyPI has of the modules of ports/rp2, and of Python's own as MicroPython has them."""
CONFIGURATION = """\
[mypy]
python_version = 3.11
strict = True
mypy_path = {folder}/physmem:{folder}/port:{folder}/board
custom_typeshed_dir = {folder}/language
cache_dir = {folder}/cache
show_error_codes = True
no_error_summary = True

; Examples and samples are written as users write them, without types of their own.
[mypy-examples.*,samples.*,physmem_board]
disallow_untyped_defs = False
disallow_untyped_calls = False
disallow_incomplete_defs = False
check_untyped_defs = True
disable_error_code = var-annotated
"""
_ERROR = re.compile(r"^([^:\n]+):(\d+): error: (.*?) +\[([\w-]+)\]$", re.MULTILINE)


def _copy(package, folder):
    """Copy the stubs of the *package* into *folder*: those of a port lie where a checker does not look."""
    for file in metadata.files(package) or ():
        if file.suffix == ".pyi" or file.name == "VERSIONS":
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.locate().read_bytes())


def prepare(folder, plan):
    """Make what the checker needs in *folder*; *plan* is the file of a memory plan, which examples import."""
    write_stubs(folder / "physmem")
    _copy(PORT, folder / "port")
    _copy(LANGUAGE, folder / "language")
    (folder / "board").mkdir()
    (folder / "board" / "physmem_board.py").write_bytes(plan.read_bytes())
    (folder / "mypy.ini").write_text(CONFIGURATION.format(folder=folder))


def check(folder, names):
    """Check the files of these *names* in *folder*; return {name: [(line, code, message)]} of their errors.

    What MicroPython's stubs have wrong in themselves is left out.
    """
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode > 1:
        raise AssertionError(f"mypy could not check:\n{done.stdout}{done.stderr}")
    found = {name: [] for name in names}
    for name, line, message, code in _ERROR.findall(done.stdout):
        if name in found:
            found[name].append((int(line), code, message))
    return found
