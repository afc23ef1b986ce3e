"""reference.make FOLDER PYTHON: make the site in FOLDER/html, from sources that it writes into FOLDER/source.

PYTHON is that of requirements_docs.txt, which has Sphinx. A warning of Sphinx is an error.
"""

import pathlib
import shutil
import subprocess
import sys

from reference.guide import write_guide
from reference.pages import write_pages

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = ("-b", "html", "-W", "-n", "-q", "--keep-going")


def write_sources(folder):
    """Write what Sphinx takes into *folder*, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_static").mkdir(parents=True)
    shutil.copyfile(HERE / "conf.py", folder / "conf.py")
    shutil.copyfile(HERE / "tables.css", folder / "_static" / "tables.css")
    write_guide(folder)
    write_pages(folder)


def main(folder, python):
    folder = pathlib.Path(folder)
    if not pathlib.Path(python).exists():
        print(f"physmem: {python} is missing, which has Sphinx: run make docs, which installs it", file=sys.stderr)
        return 1
    write_sources(folder / "source")
    shutil.rmtree(folder / "html", ignore_errors=True)
    command = [python, "-m", "sphinx", *OPTIONS, "-d", folder / "doctrees", folder / "source", folder / "html"]
    status = subprocess.run(command).returncode
    print(f"{folder / 'html' / 'index.html'}" if status == 0 else "physmem: the pages have the faults above")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
