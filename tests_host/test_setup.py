"""When the set-up fails, it prints one sentence and leaves nothing behind that would break the next try."""

import hashlib
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

import board_list
from emulated_board import ROOT
from rp2_emulator import RP2_BOARDS

VERSION = "1.25.0+ds-1"
ARCHIVE = "micropython_1.25.0+ds.orig.tar.xz"
SHELL_TOOLS = "sh awk cat cmp cut date dirname basename env echo id kill mkdir mktemp mv printf rm sed sha256sum sleep"
SHELL_TOOLS += " tail tar touch xz make nproc uname"


@pytest.fixture
def tools(tmp_path):
    """Return a folder to use as PATH that contains only the tools of a bare system."""
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
    """Run scripts/*script*. Return (status, everything it printed)."""
    environment = dict(os.environ, **environment)
    if path:
        environment["PATH"] = str(path)
    command = [ROOT / "scripts" / script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def sentence(output):
    """Return the sentence that reports the failure; there must be exactly one."""
    sentences = [line for line in output.splitlines() if line.startswith("physmem: ")]
    assert len(sentences) == 1, output
    assert sentences[0].endswith(".")
    return sentences[0]


class Mirror:
    """A stub of apt-get that delivers an archive, or fails."""

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
        """Make *download* the shell command that apt-get runs to download."""
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
    """Return a function that fetches and returns (status, output); its `tree` and `cache` are the folders."""

    def fetch(sha256=None):
        return run(
            "fetch_sources.sh", "micropython", VERSION, sha256 or mirror.sha256, fetch.cache, fetch.tree, path=tools
        )

    fetch.cache = tmp_path / "cache"
    fetch.tree = tmp_path / "build" / "micropython"
    return fetch


def test_npm_packages_that_cannot_be_installed(tools, tmp_path):
    (tools / "cp").symlink_to("/bin/cp")
    add_tool(tools, "npm", "echo no network >&2; exit 1")
    names = ROOT / "docs" / "browser" / "package.json"
    status, output = run("install_node_modules.sh", names, tmp_path / "tools", tmp_path / "npm.log", path=tools)
    assert status == 1
    assert f"npm could not install what {names} names" in sentence(output) and "no network" in output


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


PACKAGES = {"pico-sdk-source": "2.1.1-1", "tinyusb-source": "0.18.0+dfsg-1"}


class SdkMirror:
    """A stub of apt-get that delivers packages of the Pico SDK and TinyUSB, or fails."""

    def __init__(self, tools, folder):
        self.tools = tools
        self.folder = folder
        sources = {name: folder / name / "usr" / "src" for name in PACKAGES}
        (sources["tinyusb-source"] / "tinyusb" / "src").mkdir(parents=True)
        (sources["tinyusb-source"] / "tinyusb" / "src" / "tusb.h").write_text("")
        self.sdk = sources["pico-sdk-source"] / "pico-sdk"
        (self.sdk / "lib").mkdir(parents=True)
        (self.sdk / "lib" / "tinyusb").symlink_to("../../tinyusb")
        for name in PACKAGES:
            self.make(name)
        self.serve(f"cp {folder}/on_the_mirror/$package.deb $file")

    def make(self, name):
        """Build the package *name* from the contents of its folder. Return its SHA-256."""
        control = self.folder / name / "DEBIAN"
        control.mkdir(exist_ok=True)
        (control / "control").write_text(
            f"Package: {name}\nVersion: {PACKAGES[name]}\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
        )
        package = self.folder / "on_the_mirror" / f"{name}.deb"
        package.parent.mkdir(exist_ok=True)
        subprocess.run(["dpkg-deb", "-Zxz", "-b", self.folder / name, package], check=True, capture_output=True)
        return self.sha256(name)

    def sha256(self, name):
        return hashlib.sha256((self.folder / "on_the_mirror" / f"{name}.deb").read_bytes()).hexdigest()

    def serve(self, download):
        """Make *download* the shell command that apt-get runs to download $package as $file."""
        add_tool(
            self.tools,
            "apt-get",
            f"""case " $* " in
                *indextargets*) echo "http://mirror.invalid/debian/ trixie Debian" ;;
                *" download "*)
                    for last; do :; done
                    package=${{last%%=*}} file=${{last%%=*}}_${{last#*=}}_all.deb
                    {download}
                    ;;
            esac
            """,
        )


@pytest.fixture
def sdk_mirror(tools, tmp_path):
    for name in ("cp", "dpkg-deb"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    return SdkMirror(tools, tmp_path)


@pytest.fixture
def fetch_sdk(tools, sdk_mirror, tmp_path):
    """Do the same as `fetch`, for the Pico SDK."""

    def fetch_sdk(**sha256):
        arguments = []
        for name, version in PACKAGES.items():
            arguments += [version, sha256.get(name.partition("-")[0], sdk_mirror.sha256(name))]
        return run("fetch_sources.sh", "pico-sdk", *arguments, fetch_sdk.cache, fetch_sdk.tree, path=tools)

    fetch_sdk.cache = tmp_path / "cache"
    fetch_sdk.tree = tmp_path / "build" / "pico-sdk"
    return fetch_sdk


def assert_sdk_fetched(fetch_sdk):
    status, output = fetch_sdk()
    assert status == 0, output
    assert (fetch_sdk.tree / "usr" / "src" / "pico-sdk" / "lib" / "tinyusb" / "src" / "tusb.h").exists()
    expected = {f"{name}_{version}_all.deb" for name, version in PACKAGES.items()}
    assert {path.name for path in fetch_sdk.cache.iterdir()} == expected


def test_sdk_and_tinyusb_are_unpacked_side_by_side(fetch_sdk, sdk_mirror):
    assert_sdk_fetched(fetch_sdk)
    sdk_mirror.serve("exit 1")
    assert_sdk_fetched(fetch_sdk)  # from the cache


def test_wrong_checksum_of_tinyusb_is_refused_and_the_next_try_works(fetch_sdk):
    status, output = fetch_sdk(tinyusb="0" * 64)
    assert status == 1
    assert "checksum" in sentence(output) and "tinyusb-source" in sentence(output)
    assert not fetch_sdk.tree.exists()
    assert [path.name for path in fetch_sdk.cache.iterdir()] == ["pico-sdk-source_2.1.1-1_all.deb"]
    assert_sdk_fetched(fetch_sdk)


def test_failed_download_of_the_sdk_is_refused_and_the_next_try_works(fetch_sdk, sdk_mirror):
    sdk_mirror.serve("echo half of it >$file; exit 100")
    status, output = fetch_sdk()
    assert status == 1
    assert "download of the Pico SDK 2.1.1 failed" in sentence(output) and "PICO_SDK_PATH" in sentence(output)
    assert not fetch_sdk.tree.exists() and list(fetch_sdk.cache.iterdir()) == []
    sdk_mirror.serve(f"cp {sdk_mirror.folder}/on_the_mirror/$package.deb $file")
    assert_sdk_fetched(fetch_sdk)


def test_sdk_without_tinyusb_leaves_no_tree(fetch_sdk, sdk_mirror):
    (sdk_mirror.sdk / "lib" / "tinyusb").unlink()
    sdk_mirror.make("pico-sdk-source")
    status, output = fetch_sdk()
    assert status == 1 and "unpacked" in sentence(output)
    assert not fetch_sdk.tree.exists()


def test_system_without_apt_is_told_of_the_other_sdk(fetch_sdk, tools):
    (tools / "apt-get").unlink()
    status, output = fetch_sdk()
    assert status == 1 and "PICO_SDK_PATH" in sentence(output)


def test_missing_tools_without_apt_are_named(tools, tmp_path):
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    assert status == 1
    for package in ("gcc-arm-none-eabi", "libstdc++-arm-none-eabi-newlib", "ccache", "cmake", "qemu-system-arm"):
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
    add_tool(tools, "apt-cache", "")
    add_tool(tools, "id", "echo 0")
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    # The stub installs nothing, and the script checks again after installing.
    assert status == 1 and "still not usable" in sentence(output)
    assert "install -y --no-install-recommends" in calls.read_text() and "qemu-system-arm" in calls.read_text()
    assert "Missing Debian packages:" in output


POLICY = "echo libnewlib-arm-none-eabi:; echo '  Installed: (none)'; echo '  Candidate: {}'"


def test_a_debian_without_newlib_is_told_before_anything_is_installed(tools, tmp_path):
    """Debian after 13 has picolibc instead. apt-get would say that it cannot find one of a dozen packages."""
    calls = tmp_path / "calls"
    add_tool(tools, "apt-get", f'echo "$@" >>{calls}')
    add_tool(tools, "id", "echo 0")
    for policy in (POLICY.format("(none)"), "exit 0"):  # another package names it; none does
        add_tool(tools, "apt-cache", f'[ "$1" = policy ] || exit 100; {policy}')
        status, output = run("install_packages.sh", tmp_path / "log", path=tools)
        assert status == 1
        for words in ("no newlib for ARM", "picolibc", "Debian 12 or 13"):
            assert words in sentence(output)
        assert "install -y" not in calls.read_text()
    add_tool(tools, "apt-cache", f'[ "$1" = policy ] || exit 0; {POLICY.format("3.3.0-1.3")}')
    status, output = run("install_packages.sh", tmp_path / "log", path=tools)
    assert "install -y" in calls.read_text() and "newlib for ARM" not in output


def test_newlib_that_is_there_is_not_asked_of_apt(tools, tmp_path):
    """A program that has nothing to do with it is installed on any Debian."""
    calls = tmp_path / "calls"
    add_tool(tools, "apt-get", f'echo "$@" >>{calls}')
    add_tool(tools, "apt-cache", "exit 100")
    add_tool(tools, "id", "echo 0")
    run("install_packages.sh", tmp_path / "log", "debootstrap", path=tools)
    assert "install -y --no-install-recommends debootstrap" in calls.read_text()


def test_nothing_is_installed_when_nothing_is_missing(tmp_path):
    assert run("install_packages.sh", tmp_path / "log") == (0, "")


def test_a_single_program_is_looked_for_by_its_name(tools, tmp_path):
    add_tool(tools, "apt-get", "exit 1")
    add_tool(tools, "id", "echo 1000")
    status, output = run("install_packages.sh", tmp_path / "log", "debootstrap", path=tools)
    assert status == 1 and "apt-get install debootstrap'" in sentence(output)
    add_tool(tools, "debootstrap", "")
    assert run("install_packages.sh", tmp_path / "log", "debootstrap", path=tools) == (0, "")


def test_bare_systems_need_root(tools, tmp_path):
    add_tool(tools, "id", "echo 1000")
    status, output = run("fresh.sh", tmp_path, "trixie", path=tools)
    assert status == 1 and "run 'make fresh' as root" in sentence(output)
    assert not (tmp_path / "fresh").exists()


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
    """Return a function that makes a MicroPython checkout with the given minor version."""

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
    status, output = run("check_checkout.sh", "micropython", tmp_path)
    assert status == 1 and "is not a MicroPython checkout" in sentence(output)


def test_own_checkout_must_be_recent(checkout):
    status, output = run("check_checkout.sh", "micropython", checkout(24))
    assert status == 1 and "MicroPython 1.24" in sentence(output) and "v1.25.0" in sentence(output)


@pytest.mark.parametrize("minor", [25, 28, 29])
def test_own_checkout_is_taken(checkout, minor):
    assert run("check_checkout.sh", "micropython", checkout(minor)) == (0, "")


@pytest.mark.parametrize("minor", [30, 100])
def test_own_checkout_that_nobody_has_tried_is_taken_with_a_warning(checkout, minor):
    status, output = run("check_checkout.sh", "micropython", checkout(minor))
    said = sentence(output)
    assert status == 0 and said.startswith("physmem: warning: ")
    assert f"MicroPython 1.{minor}," in said and "later than 1.29" in said


# The instructions of Thumb that load p[i] through a ptr32. `lsl index, index, 2` changes the index, whose register may
# be a variable of the program.
LOAD = """#define ASM_LOAD32_REG_REG_REG(as, reg_dest, reg_base, reg_index) \\
    do {{ \\
        asm_thumb_lsl_rlo_rlo_i5((as), {0}, (reg_index), 2); \\
        asm_thumb_ldr_rlo_rlo_rlo((as), (reg_dest), (reg_base), {0}); \\
    }} while (0)
#define ASM_STORE8_REG_REG_REG(as, reg_val, reg_base, reg_index) other((reg_index), (reg_index))
"""


def test_viper_compiler_that_changes_an_index_is_refused_for_arm(checkout):
    tree = checkout(26)
    (tree / "py/asmthumb.h").write_text(LOAD.format("(reg_index)"))
    status, output = run("check_checkout.sh", "thumb", tree)
    said = sentence(output)
    assert status == 1 and "MicroPython 1.26" in said and "p[i]" in said and "v1.28.0" in said
    assert "ACCEPT_WRONG_VIPER=1" in said
    status, output = run("check_checkout.sh", "thumb", tree, ACCEPT_WRONG_VIPER="1")
    assert status == 0 and sentence(output).startswith("physmem: warning: ") and "p[i]" in output


@pytest.mark.parametrize("header", ["", LOAD.format("REG_TEMP2")])
def test_viper_compiler_that_keeps_the_index_is_taken(checkout, header):
    tree = checkout(28)
    (tree / "py/asmthumb.h").write_text(header)
    assert run("check_checkout.sh", "thumb", tree) == (0, "")


def test_make_refuses_a_wrong_checkout(tmp_path):
    done = subprocess.run(
        ["make", "-C", ROOT, "own_micropython", f"MICROPYTHON_DIR={tmp_path}"], capture_output=True, text=True
    )
    assert done.returncode != 0 and "is not a MicroPython checkout" in sentence(done.stderr)


def test_stm32_boards_need_a_checkout_with_drivers(tmp_path):
    """An empty lib/stm32lib is one that git has not filled."""
    drivers = tmp_path / "lib" / "stm32lib"
    drivers.mkdir(parents=True)
    status, output = run("check_checkout.sh", "stm32lib", tmp_path, "PYBV11")
    said = sentence(output)
    assert status == 1 and said.startswith("physmem: PYBV11 needs ST's drivers") and str(drivers) in said
    assert "git submodule update --init lib/stm32lib" in said and "MICROPYTHON_DIR" in said
    (drivers / "CMSIS").mkdir()
    assert run("check_checkout.sh", "stm32lib", tmp_path, "PYBV11") == (0, "")


def test_board_of_no_port_is_named(tmp_path, monkeypatch):
    """A configuration that leaves out firmware/PORT/board.mk."""
    (tmp_path / "MINE").mkdir()
    (tmp_path / "MINE" / "mpconfigboard.mk").write_text("MCU_SERIES = f4\n")
    monkeypatch.setattr(board_list, "BOARDS", tmp_path)
    with pytest.raises(ValueError, match="boards/MINE includes no firmware/PORT/board.mk"):
        board_list.boards_of("stm32")


@pytest.fixture
def own_sdk(tmp_path):
    """Return a function that makes a Pico SDK of the given version."""

    def make(major, minor):
        (tmp_path / "pico_sdk_init.cmake").write_text("")
        (tmp_path / "pico_sdk_version.cmake").write_text(
            f"# set(PICO_SDK_VERSION_MAJOR 9)\nset(PICO_SDK_VERSION_MAJOR {major})\n"
            f"set(PICO_SDK_VERSION_MINOR {minor})\nset(PICO_SDK_VERSION_REVISION 0)\n"
        )
        return tmp_path

    return make


def with_tinyusb(folder):
    (folder / "lib" / "tinyusb" / "src").mkdir(parents=True)
    (folder / "lib" / "tinyusb" / "src" / "tusb.h").write_text("")
    return folder


def test_own_sdk_must_be_one(tmp_path):
    status, output = run("check_checkout.sh", "pico-sdk", tmp_path, tmp_path)
    assert status == 1 and "is not a Pico SDK" in sentence(output)


@pytest.mark.parametrize(("major", "minor"), [(1, 5), (2, 0)])
def test_own_sdk_must_be_recent(own_sdk, tmp_path, major, minor):
    status, output = run("check_checkout.sh", "pico-sdk", with_tinyusb(own_sdk(major, minor)), tmp_path / "absent")
    assert status == 1 and f"Pico SDK {major}.{minor}" in sentence(output) and "2.1.0" in sentence(output)


@pytest.mark.parametrize(("major", "minor"), [(2, 1), (2, 10), (3, 0)])
def test_own_sdk_is_taken(own_sdk, tmp_path, major, minor):
    assert run("check_checkout.sh", "pico-sdk", with_tinyusb(own_sdk(major, minor)), tmp_path / "absent") == (0, "")


def test_tinyusb_may_be_micropythons_but_must_be_somewhere(own_sdk, tmp_path):
    sdk = own_sdk(2, 1)
    status, output = run("check_checkout.sh", "pico-sdk", sdk, tmp_path / "absent")
    assert status == 1 and "TinyUSB" in sentence(output) and "submodule" in sentence(output)
    assert run("check_checkout.sh", "pico-sdk", sdk, with_tinyusb(tmp_path / "micropython")) == (0, "")


COMPONENTS = """# Collect the SDK components:
set(PICO_SDK_COMPONENTS
    cmsis_core
    pico_base
    tinyusb_device
)
if(PSRAM)
    list(APPEND PICO_SDK_COMPONENTS
        hardware_psram
    )
endif()
foreach(comp ${PICO_SDK_COMPONENTS})
"""


def test_sdk_must_have_what_micropython_uses(checkout, own_sdk):
    tree = with_tinyusb(own_sdk(2, 2) and checkout(29))
    (tree / "ports" / "rp2").mkdir()
    (tree / "ports" / "rp2" / "CMakeLists.txt").write_text(COMPONENTS)
    (tree / "src" / "common" / "pico_base").mkdir(parents=True)
    status, output = run("check_checkout.sh", "pico-sdk", tree, tree)
    said = sentence(output)
    assert status == 1 and "Pico SDK 2.2 and lacks hardware_psram, which MicroPython 1.29 uses" in said
    assert "git submodule update --init lib/pico-sdk" in said
    (tree / "src" / "rp2_common" / "hardware_psram").mkdir(parents=True)
    assert run("check_checkout.sh", "pico-sdk", tree, tree) == (0, "")


def test_tinyusb_must_have_what_micropython_uses(checkout, own_sdk):
    tree = with_tinyusb(own_sdk(2, 2) and checkout(27))
    (tree / "src").mkdir()
    (tree / "shared" / "tinyusb").mkdir(parents=True)
    (tree / "shared" / "tinyusb" / "mp_usbd.h").write_text("    tud_cdc_configure_t cfg = {\n")
    device = tree / "lib" / "tinyusb" / "src" / "class" / "cdc" / "cdc_device.h"
    device.parent.mkdir(parents=True)
    device.write_text("} tud_cdc_configure_fifo_t;\n")
    status, output = run("check_checkout.sh", "pico-sdk", tree, tree)
    said = sentence(output)
    assert status == 1 and "too old for MicroPython 1.27" in said and "TinyUSB 0.19" in said
    assert "git submodule update --init lib/tinyusb" in said
    device.write_text("} tud_cdc_configure_t;\n")
    assert run("check_checkout.sh", "pico-sdk", tree, tree) == (0, "")


def make(*arguments):
    return subprocess.run(["make", "-C", ROOT, *arguments], capture_output=True, text=True)


def test_make_refuses_a_wrong_sdk(tmp_path):
    done = make("own_pico_sdk", f"PICO_SDK_PATH={tmp_path}")
    assert done.returncode != 0 and "is not a Pico SDK" in sentence(done.stderr)


@pytest.mark.parametrize("goal", ["firmware", "flash", "run", "repl"])
def test_make_knows_the_boards_of_the_folders_and_no_others(goal):
    done = make("-n", goal, "BOARD=ABSENT")
    assert done.returncode != 0
    assert "there is no board ABSENT: set BOARD= to one of MPS2_AN385 " in done.stderr
    assert " RPI_PICO " in done.stderr and " UNIX" not in done.stderr


def test_make_runs_no_board_that_has_no_emulator():
    done = make("-n", "run", "BOARD=PYBV11")
    assert done.returncode != 0 and "make flash BOARD=PYBV11" in done.stderr
    assert "build.sh" not in done.stdout


@pytest.mark.parametrize("board", ["MPS2_AN385", "NETDUINO_PLUS_2", "PYBV11"])
def test_make_emulates_no_board_that_has_no_uf2_file(board):
    done = make("-n", "emulate", f"BOARD={board}")
    assert (
        done.returncode != 0 and f"the .uf2 file of {board}: set BOARD= to one of PIMORONI_PICO_PLUS2 " in done.stderr
    )


CHANGED = [f"--what-if={path}/build.sh" for path in ("scripts", "emulators/rp2040", "emulators/rp2350")]


def built(done):
    """Return what the dry run *done* of make would build of firmware and emulators."""
    return re.findall(r"^(?:scripts/build\.sh (?!mpy-cross)|emulators/)(\w+)", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("goal", ["run", "repl", "emulate"])
@pytest.mark.parametrize("board", RP2_BOARDS)
def test_make_builds_the_firmware_of_the_board_and_the_emulator_of_its_chip(goal, board):
    script = "run.py" if goal == "run" else "repl.py"
    done = make("-n", *CHANGED, goal, f"BOARD={board}")
    assert built(done) == [board, board_list.chip(board)]
    assert re.search(rf"scripts/{script} {board} *$", done.stdout, re.MULTILINE)
    done = make("-n", goal, f"BOARD={board}", "PSRAM=2M")
    assert re.search(rf"scripts/{script} {board} +--psram=2M$", done.stdout, re.MULTILINE)


def test_make_builds_nothing_for_the_repl_of_a_real_board():
    assert built(make("-n", *CHANGED, "repl", "BOARD=RPI_PICO2", "PORT=/dev/ttyACM0")) == []


@pytest.fixture
def own_copy(tmp_path):
    """Return a MicroPython tree whose builds fail."""
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


def test_what_was_compiled_is_not_compiled_again(own_copy, tmp_path):
    """In another folder for what is built, as in another clone."""
    (own_copy / "mpy-cross" / "main.c").write_text("int main(void) { return 0; }\n")
    (own_copy / "mpy-cross" / "Makefile").write_text("$(BUILD)/mpy-cross:\n\t$(CC) -c -o $@ main.c\n")
    cache = {"CCACHE_DIR": str(tmp_path / "cache")}
    for build in ("first", "second"):
        status, output = run("build.sh", "mpy-cross", own_copy, tmp_path / build, **cache)
        assert status == 0, output
    counted = subprocess.run(["ccache", "--print-stats"], env=os.environ | cache, capture_output=True, text=True).stdout
    assert re.search(r"^cache_miss\t1$", counted, re.MULTILINE)
    assert re.search(r"^(direct|preprocessed)_cache_hit\t1$", counted, re.MULTILINE)


def test_failed_build_of_an_rp2_board_is_reported(tmp_path):
    port = tmp_path / "micropython" / "ports" / "rp2"
    port.mkdir(parents=True)
    (port / "CMakeLists.txt").write_text('message(FATAL_ERROR "the first error")\n')
    (tmp_path / "micropython" / "py").mkdir()
    (tmp_path / "micropython" / "py" / "asmthumb.h").touch()
    sdk = tmp_path / "sdk"
    (sdk / "lib" / "tinyusb" / "src").mkdir(parents=True)
    (sdk / "lib" / "tinyusb" / "src" / "tusb.h").touch()
    (sdk / "pico_sdk_init.cmake").touch()
    (sdk / "pico_sdk_version.cmake").write_text("set(PICO_SDK_VERSION_MAJOR 2)\nset(PICO_SDK_VERSION_MINOR 1)\n")
    build = tmp_path / "build"
    (build / "mpy-cross").mkdir(parents=True)
    (build / "mpy-cross" / ".configuration").write_text("")
    status, output = run("build.sh", "RPI_PICO", tmp_path / "micropython", build, tmp_path / "sdk")
    assert status == 1 and "the build of RPI_PICO failed" in sentence(output) and "the first error" in output
    assert not (build / "RPI_PICO" / "firmware.uf2").exists()


def test_installation_that_needs_a_password_that_is_refused(tools, tmp_path):
    add_tool(tools, "apt-get", "exit 0")
    add_tool(tools, "id", "echo 1000")
    add_tool(tools, "sudo", "exit 1")
    status, output = run("install_packages.sh", tmp_path / "log", "debootstrap", path=tools)
    assert status == 1 and "sudo refused to install them: install debootstrap yourself" in sentence(output)


def test_package_that_cannot_be_installed_is_named(tools, tmp_path):
    add_tool(tools, "apt-get", '[ "$1" = install ] || exit 100')
    add_tool(tools, "id", "echo 0")
    add_tool(tools, "env", "exit 100")
    status, output = run("install_packages.sh", tmp_path / "log", "debootstrap", path=tools)
    assert status == 1 and "apt-get could not install debootstrap: see " in sentence(output)


def test_cache_that_cannot_be_made_is_named(fetch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    status, output = fetch()
    assert status == 1 and f"the cache folder {fetch.cache} cannot be created: set PHYSMEM_CACHE" in sentence(output)


def test_system_whose_apt_has_no_debian_mirror(fetch, tools):
    add_tool(tools, "apt-get", "")
    status, output = fetch()
    assert status == 1 and "apt has no Debian mirror: add one to apt's sources, or " in sentence(output)


def test_system_without_python(tools, tmp_path):
    status, output = run("make_venv.sh", tmp_path / "venv", tmp_path / "requirements.txt", tmp_path / "log", path=tools)
    assert status == 1 and "python3 is missing: install it" in sentence(output)
    add_tool(tools, "python3", "exit 1")
    status, output = run("make_venv.sh", tmp_path / "venv", tmp_path / "requirements.txt", tmp_path / "log", path=tools)
    assert status == 1 and "could not make a virtual environment" in sentence(output)
    assert "install python3-venv" in sentence(output)


def test_npm_that_reaches_no_registry(tools, tmp_path):
    add_tool(tools, "npm", "exit 1")
    status, output = run("install_from_npm.sh", "@x/y", "1.0", tmp_path, tmp_path / "log", path=tools)
    assert status == 1 and "npm could not install @x/y: see " in sentence(output)
    assert "give npm a registry that it can reach" in sentence(output)


@pytest.mark.parametrize(
    ("chip", "working", "said"),
    [
        ("rp2040", (), "npm could not install rp2040js: see "),
        ("rp2040", ("npm", "cp"), "the build of the RP2040 emulator's boot ROM failed: find the first error in "),
        ("rp2350", (), "the build of the RP2350 emulator failed: find the first error in "),
        ("rp2350", ("gcc",), "the build of the RP2350 emulator's boot ROM failed: find the first error in "),
    ],
)
def test_emulator_that_cannot_be_built(tools, tmp_path, chip, working, said):
    """Each step of its build fails in turn; *working* are the programs of the steps before."""
    for name in working:
        add_tool(tools, name, "")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    add_tool(tmp_path / "venv" / "bin", "python", "echo /nowhere" if working else "exit 1")
    status, output = run(f"../emulators/{chip}/build.sh", tmp_path, path=tools)
    assert status == 1 and said in sentence(output)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("memory_map_header.py", "the memory plan in boards/MPS2_AN385/physmem_board.py cannot be used: correct it"),
        ("expand_thumb.py", "the assembler in firmware/thumb cannot be expanded: correct what the line above names"),
        ("bytecode_twins.py", "the engine cannot be written as bytecode: correct what the line above names"),
    ],
)
def test_source_that_cannot_be_prepared_for_a_build(tools, tmp_path, program, said):
    """The firmware of MPS2_AN385 is built with a Python in which that program fails."""
    add_tool(tools, "python3", f'case "$1" in */{program}) exit 1 ;; esac')
    for name in ("grep", "ln"):
        (tools / name).symlink_to(f"/bin/{name}")
    tree = tmp_path / "micropython"
    (tree / "py").mkdir(parents=True)
    (tree / "py" / "asmthumb.h").touch()
    (tmp_path / "mpy-cross").mkdir()
    (tmp_path / "mpy-cross" / ".configuration").touch()
    status, output = run("build.sh", "MPS2_AN385", tree, tmp_path, path=tools)
    assert status == 1 and said in sentence(output)


def test_bare_systems_need_git(tools, tmp_path):
    add_tool(tools, "id", "echo 0")
    status, output = run("fresh.sh", tmp_path, "trixie", path=tools)
    assert status == 1 and "git is missing: install it (Debian: apt-get install git)" in sentence(output)


def test_folder_with_a_space_in_its_path(tmp_path):
    folder = tmp_path / "a space"
    folder.mkdir()
    done = subprocess.run(["make", "-f", ROOT / "Makefile", "help"], cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0 and "move the folder to a path without spaces" in done.stderr
