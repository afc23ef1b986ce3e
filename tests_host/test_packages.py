"""The packages of `make dist`: what they hold, that they are always the same bytes, and their version and checksums."""

import ast
import json
import re
import subprocess

import pytest

import layers
from packages import release, release_page
from emulated_board import ROOT
from packages.contents import EVERYTHING, PACKAGES, RAW
from packages.raw import raw
from packages.version import version
from packages.make import write_packages

DIST = ROOT / "build" / "dist"
TOOLS = ROOT / "build" / "thumb", ROOT / "build" / "mpy-cross" / "mpy-cross"
MPY_VERSION, ARMV6M = 6, 4
"""In the header of a .mpy file: "M", the version, the architecture from bit 2 of the next byte on."""


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with the packages as they are made now."""
    folder = tmp_path_factory.mktemp("dist")
    write_packages(folder, *TOOLS)
    return folder


@pytest.fixture(scope="module")
def released(made):
    """Return that folder as a release with the firmware of one board."""
    board = made.parent / "a board" / "BOARD"
    board.mkdir(parents=True)
    (board / "firmware.uf2").write_bytes(b"UF2\n")
    site = made.parent / "html"
    for name in ("index.html", "reference/index.html", "_sources/index.md", ".buildinfo"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    release.make(made, [board / "firmware.uf2"], site)
    return made


def test_packages_are_the_same_bytes_each_time(made):
    """Those that `make` has made are the same as those that another process makes in another folder."""
    for folder in ("mip", "freeze"):
        packages = contents(made / folder)
        assert packages and packages == contents(DIST / folder)


@pytest.mark.parametrize("name", PACKAGES)
def test_package_lists_its_files_by_urls_beside_it(made, name):
    package = json.loads((made / "mip" / name / "package.json").read_text())
    assert package["version"] == version()
    files = [target for target, url in package["urls"] if target == url]
    assert len(files) == len(package["urls"])
    assert sorted([*files, "package.json"]) == sorted(contents(made / "mip" / name))


@pytest.mark.parametrize("name", PACKAGES)
def test_package_has_its_modules_of_the_library(made, name):
    library = {path.stem for path in (ROOT / "lib").glob("*.py")}
    ending = ".mpy" if name.startswith("arm") else ".py"
    modules = {path.stem for path in (made / "mip" / name).iterdir() if path.suffix == ending}
    assert modules & library == (set(RAW) if name.endswith("raw") else library)


def trees_of(package):
    """Return {module: tree} of what that package of source holds."""
    texts = {module: (ROOT / "lib" / f"{module}.py").read_text() for module in package.modules}
    return raw(texts, {}) if package.is_raw else {module: ast.parse(text) for module, text in texts.items()}


@pytest.mark.parametrize("name", ["source-raw", "source"])
def test_package_has_what_its_modules_import(name):
    """Except for what a function loads that a package may lack."""
    trees = trees_of(PACKAGES[name])
    for module, tree in trees.items():
        needed = {name for _, name, inside in layers.imports(tree) if not inside}
        assert needed <= set(trees), module


def public(tree):
    """Return the names that the module *tree* has for users."""
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        names |= {
            alias.asname or alias.name for alias in getattr(node, "names", ()) if isinstance(node, ast.ImportFrom)
        }
    return {name for name in names if not name.startswith("_")}


def test_raw_facade_has_or_says_what_it_lacks():
    """Each public name of the facade is there, or in the list of physmem_lacks with the module that serves it."""
    whole = public(ast.parse((ROOT / "lib" / "physmem.py").read_text())) | {"map"}
    trees = trees_of(PACKAGES["source-raw"])
    (lacks,) = [node for node in trees["physmem_lacks"].body if getattr(node, "name", None) == "lacks"]
    lines = [line.split() for line in ast.literal_eval(lacks.body[0].iter.func.value).split(",")]
    lacking = {name: module for module, *names in lines for name in names}
    there = public(trees["physmem"])
    assert there & set(lacking) == set() and whole <= there | set(lacking)
    assert {"Region", "init", "boot", "boot_in_heap", "add_region", "stats", "check", "code_name"} <= there
    assert lacking["dma_ring"] == "physmem_allocate" and lacking["BuddyAllocator"] == "physmem_buddy"
    assert not set(lacking.values()) & set(RAW) and set(lacking.values()) <= set(EVERYTHING)


def test_compiled_files_are_for_all_arm_cores(made):
    architectures = set()
    for name in ("arm", "arm-raw"):
        for path in (made / "mip" / name).glob("*.mpy"):
            header = path.read_bytes()[:3]
            assert header[0] == ord("M") and header[1] == MPY_VERSION, path
            architectures.add(header[2] >> 2)
    assert architectures == {0, ARMV6M}  # 0: no machine code


def test_the_facade_and_what_it_says_on_the_wrong_machine_are_bytecode(made):
    for name in ("physmem", "physmem_install"):
        assert (made / "mip" / "arm" / f"{name}.mpy").read_bytes()[2] >> 2 == 0


def test_firmware_is_named_by_board_and_version(released):
    assert [path.name for path in (released / "firmware").iterdir()] == [f"BOARD-physmem-{version()}.uf2"]


def test_the_site_is_there_without_what_it_was_made_of(released):
    assert sorted(contents(released / "docs")) == ["index.html", "reference/index.html"]


def test_checksums_are_of_every_file(released):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=released, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    named = {line.rpartition(": ")[0] for line in done.stdout.splitlines()}
    assert named == set(contents(released)) - {"SHA256SUMS"}
    assert f"firmware/BOARD-physmem-{version()}.uf2" in named


def test_release_page_has_the_newest_changes_and_the_sizes(released):
    page = (released / "release.md").read_text()
    assert page.startswith(f"# physmem {version()}\n")
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest, older = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:3]
    assert newest.partition("\n")[2].strip() in page
    assert older.partition("\n")[2].strip() not in page
    for name in PACKAGES:
        files = [data for path, data in contents(released / "mip" / name).items() if path != "package.json"]
        assert re.search(rf"^\| `{name}` \| .* \| {len(files)} \| {sum(map(len, files)):,} \|$", page, re.MULTILINE)


def test_a_version_without_changes_is_refused():
    with pytest.raises(ValueError, match="CHANGELOG.md has no part for 99.0.0"):
        release_page.changes("99.0.0")
