"""packages.release BUILD FIRMWARE...: make BUILD/dist, which has the packages, a release.

Copies each FIRMWARE, such as BUILD/RPI_PICO/firmware.uf2, under a name with the board and the version, and the site
that `make docs` has made in BUILD/docs; writes the release page, and SHA256SUMS of every file.
"""

import hashlib
import pathlib
import shutil
import sys

from packages.version import version
from packages.release_page import contents, page

SUMS = "SHA256SUMS"
READY = ".packages"  # by which make knows when the packages were made


def copy_firmware(folder, firmware):
    """Copy the files *firmware* into *folder*, and nothing else. Each is named by the folder that it lies in."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in map(pathlib.Path, firmware):
        shutil.copyfile(path, folder / f"{path.parent.name}-physmem-{version()}{path.suffix}")


def copy_site(folder, html):
    """Copy the site in the folder *html* into *folder*, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(html, folder, ignore=shutil.ignore_patterns(".buildinfo", "_sources"))


def checksums(dist):
    """Return the lines of SHA256SUMS for the folder *dist*, as sha256sum reads them."""
    files = sorted(path for path in dist.rglob("*") if path.is_file() and path.name not in (SUMS, READY))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(dist)}\n" for path in files)


def make(dist, firmware, html):
    """Make the folder *dist*, which has the packages, a release with those files of firmware and that site."""
    copy_firmware(dist / "firmware", firmware)
    copy_site(dist / "docs", html)
    (dist / "release.md").write_text(page(dist))
    (dist / SUMS).write_text(checksums(dist))


def main(build, *firmware):
    dist = pathlib.Path(build) / "dist"
    make(dist, firmware, pathlib.Path(build) / "docs" / "html")
    print(contents(dist))


if __name__ == "__main__":
    main(*sys.argv[1:])
