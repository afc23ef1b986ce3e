"""When the set-up cannot go on it says one sentence and leaves nothing that spoils the next try."""

import hashlib
import os
import pathlib
import subprocess
import tarfile

import pytest

from emulator import ROOT

VERSION = "1.25.0+ds-1"
ARCHIVE = "micropython_1.25.0+ds.orig.tar.xz"
SHELL_TOOLS = "sh awk cat cmp cut date dirname basename env echo id kill mkdir mktemp mv printf rm sed sha256sum sleep"
SHELL_TOOLS += " tail tar touch xz make nproc uname"


@pytest.fixture
def tools(tmp_path):
    """A folder to use as PATH, with the tools of a bare system in it and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SHELL_TOOLS.split():
        found = next((p / name for p in map(pathlib.Path, ["/usr/bin", "/bin"]) if (p / name).exists()), None)
        if found:
            (folder / name).symlink_to(found)
    return folder


def add_tool(folder, name, script):
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def run(script, *arguments, path=None, **environment):
    """Run scripts/*script*: (status, all that it said)."""
    environment = dict(os.environ, **environment)
    if path:
        environment["PATH"] = str(path)
    command = [ROOT / "scripts" / script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def sentence(output):
    """The one sentence of the failure."""
    sentences = [line for line in output.splitlines() if line.startswith("physmem: ")]
    assert len(sentences) == 1, output
    assert sentences[0].endswith(".")
    return sentences[0]


class Mirror:
    """A stand-in for apt-get that hands out an archive, or fails."""

    def __init__(self, tools, folder):
        self.tools = tools
        self.archive = folder / "on_the_mirror.tar.xz"
        source = folder / "micropython-1.25.0"
        (source / "py").mkdir(parents=True)
        (source / "py" / "mpconfig.h").write_text("#define MICROPY_VERSION_MAJOR 1\n")
        with tarfile.open(self.archive, "w:xz") as archive:
            archive.add(source, source.name)
        self.sha256 = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        self.serve(f"cp {self.archive} {ARCHIVE}")

    def serve(self, download):
        """Make *download* the shell command that apt-get downloads with."""
        add_tool(
            self.tools,
            "apt-get",
            f"""case "$*" in
                *indextargets*) echo "http://mirror.invalid/debian/ trixie Debian" ;;
                *source*) {download} ;;
            esac
            """,
        )


@pytest.fixture
def mirror(tools, tmp_path):
    (tools / "cp").symlink_to("/bin/cp")
    return Mirror(tools, tmp_path)


@pytest.fixture
def fetch(tools, mirror, tmp_path):
    """Call it to fetch: (status, output). The tree is fetch.tree, the cache fetch.cache."""

    def fetch(sha256=None):
        return run("fetch_micropython.sh", VERSION, sha256 or mirror.sha256, fetch.cache, fetch.tree, path=tools)

    fetch.cache = tmp_path / "cache"
    fetch.tree = tmp_path / "build" / "micropython"
    return fetch


def assert_fetched(fetch):
    status, output = fetch()
    assert status == 0, output
    assert (fetch.tree / "py" / "mpconfig.h").exists()
    assert [path.name for path in fetch.cache.iterdir()] == [ARCHIVE]


def test_fetch_unpacks_what_the_mirror_has(fetch):
    assert_fetched(fetch)


def test_fetch_does_not_download_twice(fetch, mirror):
    assert_fetched(fetch)
    mirror.serve("exit 1")
    assert_fetched(fetch)


def test_wrong_checksum_is_refused_and_the_next_try_works(fetch, mirror):
    mirror.serve(f"echo something else >{ARCHIVE}")
    status, output = fetch()
    assert status == 1
    assert "checksum" in sentence(output) and "run make again" in sentence(output)
    assert not fetch.tree.exists() and list(fetch.cache.iterdir()) == []
    mirror.serve(f"cp {mirror.archive} {ARCHIVE}")
    assert_fetched(fetch)


def test_damaged_archive_in_the_cache_is_refused_and_the_next_try_works(fetch):
    fetch.cache.mkdir()
    (fetch.cache / ARCHIVE).write_text("damaged")
    status, output = fetch()
    assert status == 1 and "checksum" in sentence(output)
    assert_fetched(fetch)


def test_failed_download_is_refused_and_the_next_try_works(fetch, mirror):
    mirror.serve(f"echo half of it >{ARCHIVE}; exit 100")
    status, output = fetch()
    assert status == 1
    assert "download" in sentence(output) and "MICROPYTHON_DIR" in sentence(output)
    assert not fetch.tree.exists() and list(fetch.cache.iterdir()) == []
    mirror.serve(f"cp {mirror.archive} {ARCHIVE}")
    assert_fetched(fetch)


def test_archive_that_does_not_unpack_leaves_no_tree(fetch, mirror):
    mirror.archive.write_text("no archive")
    status, output = fetch(hashlib.sha256(b"no archive").hexdigest())
    assert status == 1 and "unpacked" in sentence(output)
    assert not fetch.tree.exists()


def test_system_without_apt_is_told_of_the_other_way(fetch, tools):
    (tools / "apt-get").unlink()
    status, output = fetch()
    assert status == 1 and "MICROPYTHON_DIR" in sentence(output)


def test_missing_tools_without_apt_are_named(tools, tmp_path):
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    assert status == 1
    for package in ("gcc-arm-none-eabi", "qemu-system-arm", "python3-venv"):
        assert package in sentence(output)


def test_missing_tools_that_only_root_can_install_are_named(tools, tmp_path):
    add_tool(tools, "apt-get", "exit 1")
    add_tool(tools, "id", "echo 1000")
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    assert status == 1
    assert "as root" in sentence(output) and "qemu-system-arm" in sentence(output)


def test_failed_installation_of_tools_is_reported(tools, tmp_path):
    add_tool(tools, "apt-get", "echo E: no route to the mirror; exit 100")
    add_tool(tools, "id", "echo 0")
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    assert status == 1 and "apt-get update failed" in sentence(output)


def test_missing_tools_are_installed_by_name(tools, tmp_path):
    calls = tmp_path / "calls"
    add_tool(tools, "apt-get", f'echo "$@" >>{calls}')
    add_tool(tools, "id", "echo 0")
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    # This stand-in installs nothing, and the script looks after the installation.
    assert status == 1 and "still not usable" in sentence(output)
    assert "install -y --no-install-recommends" in calls.read_text() and "qemu-system-arm" in calls.read_text()
    assert "Missing Debian packages:" in output


def test_nothing_is_installed_when_nothing_is_missing(tmp_path):
    assert run("install_packages.sh", tmp_path / "log") == (0, "")


def test_requirements_that_cannot_be_installed_are_reported_and_the_next_try_works(tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("physmem-absent @ file:///nonexistent/physmem_absent-1-py3-none-any.whl\n")
    venv = tmp_path / "venv"
    status, output = run("make_venv.sh", venv, requirements, tmp_path / "log")
    assert status == 1 and "pip could not install" in sentence(output)
    requirements.write_text("")
    status, output = run("make_venv.sh", venv, requirements, tmp_path / "log")
    assert status == 0, output


@pytest.fixture
def checkout(tmp_path):
    """Call it with a minor version to make a MicroPython checkout of that version."""

    def make(minor):
        for folder in ("py", "ports/qemu", "mpy-cross"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "ports/qemu/Makefile").write_text("")
        (tmp_path / "py/mpconfig.h").write_text(
            f"#define MICROPY_VERSION_MAJOR 1\n#define MICROPY_VERSION_MINOR {minor}\n"
        )
        return tmp_path

    return make


def test_own_checkout_must_be_one(tmp_path):
    status, output = run("check_micropython.sh", tmp_path)
    assert status == 1 and "is no MicroPython checkout" in sentence(output)


def test_own_checkout_must_be_recent(checkout):
    status, output = run("check_micropython.sh", checkout(24))
    assert status == 1 and "MicroPython 1.24" in sentence(output) and "v1.25.0" in sentence(output)


@pytest.mark.parametrize("minor", [25, 28, 100])
def test_own_checkout_is_taken(checkout, minor):
    assert run("check_micropython.sh", checkout(minor)) == (0, "")


def test_make_refuses_a_wrong_checkout(tmp_path):
    done = subprocess.run(
        ["make", "-C", ROOT, "own_micropython", f"MICROPYTHON_DIR={tmp_path}"], capture_output=True, text=True
    )
    assert done.returncode != 0 and "is no MicroPython checkout" in sentence(done.stderr)


@pytest.fixture
def own_copy(tmp_path):
    """The scripts in a place of their own, with a MicroPython whose builds fail."""
    tree = tmp_path / "micropython"
    (tree / "mpy-cross").mkdir(parents=True)
    (tree / "mpy-cross" / "Makefile").write_text("$(BUILD)/mpy-cross:\n\techo the first error; false\n")
    return tree


def test_failed_build_is_reported_and_the_next_try_works(own_copy, tmp_path):
    build = tmp_path / "build"
    status, output = run("build.sh", "mpy-cross", own_copy, build)
    assert status == 1 and "the build of mpy-cross failed" in sentence(output) and "the first error" in output
    (own_copy / "mpy-cross" / "Makefile").write_text("$(BUILD)/mpy-cross:\n\ttouch $@\n")
    status, output = run("build.sh", "mpy-cross", own_copy, build)
    assert status == 0, output
