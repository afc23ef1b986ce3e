"""Each sentence in which a target of make says that it failed has a test that meets it: TESTED names them.

The tests of this file are those of sentences that no other file meets. docs/errors.md lists all of them.
"""

import contextlib
import io
import types

import pytest

import emulated_board
import qemu
import repl
import rp2_emulator
import run
from campaigns import farm as campaigns_farm
from campaigns import matrix
from emulated_board import ROOT
from errors import tool_files, tool_sites
from harness import farm, labgrid_place, target_files
from look import session
from look.connection import BoardError, ProgramError
from look.observed_board import ObservedBoard

SITES = tool_sites.sites()

# Words of a sentence, all of it behind what another sentence has too -> file and test that meets it.
TESTED = {
    "the path of this folder contains a space": "test_setup::test_folder_with_a_space_in_its_path",
    "there is no board {}: set BOARD=": "test_setup::test_make_knows_the_boards_of_the_folders_and_no_others",
    "or run make flash BOARD=": "test_setup::test_make_runs_no_board_that_has_no_emulator",
    "no emulator can run the .uf2 file": "test_setup::test_make_emulates_no_board_that_has_no_uf2_file",
    "and this system has no apt-get": "test_setup::test_missing_tools_without_apt_are_named",
    "and only root can install them": "test_setup::test_missing_tools_that_only_root_can_install_are_named",
    "and sudo refused to install them": "test_setup::test_installation_that_needs_a_password_that_is_refused",
    "apt-get update failed": "test_setup::test_failed_installation_of_tools_is_reported",
    "has no newlib for ARM": "test_setup::test_a_debian_without_newlib_is_told_before_anything_is_installed",
    "apt-get could not install": "test_setup::test_package_that_cannot_be_installed_is_named",
    "are still not usable": "test_setup::test_missing_tools_are_installed_by_name",
    "the cache folder": "test_setup::test_cache_that_cannot_be_made_is_named",
    "because this system has no apt-get": "test_setup::test_system_without_apt_is_told_of_the_other_way",
    "because apt has no Debian mirror": "test_setup::test_system_whose_apt_has_no_debian_mirror",
    "the download of": "test_setup::test_failed_download_of_the_sdk_is_refused_and_the_next_try_works",
    "had the wrong checksum": "test_setup::test_wrong_checksum_is_refused_and_the_next_try_works",
    "could not be unpacked": "test_setup::test_archive_that_does_not_unpack_leaves_no_tree",
    "python3 is missing": "test_setup::test_system_without_python",
    "could not make a virtual environment": "test_setup::test_system_without_python",
    "pip could not install": (
        "test_setup::test_requirements_that_cannot_be_installed_are_reported_and_the_next_try_works"
    ),
    "give npm a registry": "test_setup::test_npm_that_reaches_no_registry",
    "is not a MicroPython checkout": "test_setup::test_own_checkout_must_be_one",
    "check out v1.25.0 or later there": "test_setup::test_own_checkout_must_be_recent",
    "compiles viper code for ARM wrongly": "test_setup::test_viper_compiler_that_changes_an_index_is_refused_for_arm",
    "ACCEPT_WRONG_VIPER=1": "test_setup::test_viper_compiler_that_changes_an_index_is_refused_for_arm",
    "is not a Pico SDK": "test_setup::test_own_sdk_must_be_one",
    "check out 2.1.0 or later": "test_setup::test_own_sdk_must_be_recent",
    "and lacks": "test_setup::test_sdk_must_have_what_micropython_uses",
    "has no TinyUSB": "test_setup::test_tinyusb_may_be_micropythons_but_must_be_somewhere",
    "is too old for MicroPython": "test_setup::test_tinyusb_must_have_what_micropython_uses",
    "needs ST's drivers": "test_setup::test_stm32_boards_need_a_checkout_with_drivers",
    "the memory plan in boards": "test_setup::test_source_that_cannot_be_prepared_for_a_build",
    "the assembler in firmware/thumb": "test_setup::test_source_that_cannot_be_prepared_for_a_build",
    "cannot be written as bytecode": "test_setup::test_source_that_cannot_be_prepared_for_a_build",
    "the build of {} failed": "test_setup::test_failed_build_is_reported_and_the_next_try_works",
    "npm could not install rp2040js": "test_setup::test_emulator_that_cannot_be_built",
    "the RP2040 emulator's boot ROM failed": "test_setup::test_emulator_that_cannot_be_built",
    "the RP2350 emulator failed": "test_setup::test_emulator_that_cannot_be_built",
    "the RP2350 emulator's boot ROM failed": "test_setup::test_emulator_that_cannot_be_built",
    "it names no STM32": "test_stm32_image::test_image_that_does_not_fit_is_refused",
    "bytes of it belong at": "test_stm32_image::test_image_that_does_not_fit_is_refused",
    "add that chip to": "test_stm32_image::test_image_that_does_not_fit_is_refused",
    "cannot be written to a chip": "test_stm32_image::test_image_that_does_not_fit_is_refused",
    "would overwrite the file system": "test_stm32_image::test_image_that_does_not_fit_is_refused",
    "the piece at": "test_stm32_image::test_sectors_that_do_not_fit_are_refused",
    "has both firmware and the file system": "test_stm32_image::test_sectors_that_do_not_fit_are_refused",
    "has two pieces": "test_stm32_image::test_sector_of_two_pieces_is_refused",
    "there is no emulator for {}: set BOARD= to one of {}": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "there is no emulator for {}: set PORT=": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "PSRAM= is for an emulated board": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "has no serial port": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "PSRAM= is for an emulated RP2350": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "{}: omit PSRAM=, or": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "there is no file {}: set EXAMPLE=": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "there is no emulated PSRAM chip": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "{} on {} failed": "test_tool_errors::test_demonstration_that_fails",
    "{} on {} was interrupted": "test_tool_errors::test_demonstration_that_is_interrupted",
    "did not start its REPL": "test_tool_errors::test_firmware_that_starts_no_repl",
    "QEMU exited at once": "test_tool_errors::test_qemu_that_does_not_start",
    "QEMU did not open its serial port": "test_tool_errors::test_qemu_that_does_not_listen",
    "QEMU did not open a pseudo-terminal": "test_tool_errors::test_qemu_without_a_terminal",
    "QEMU has exited": "test_tool_errors::test_qemu_that_ends",
    "is not built: run make build": "test_tool_errors::test_emulator_that_is_not_built",
    "{} exited at once": "test_rp2_emulators::test_a_file_that_is_no_firmware",
    "{} has exited": "test_tool_errors::test_emulator_that_ends",
    "{} could not do": "test_tool_errors::test_emulator_that_cannot_do_what_it_is_told",
    "cannot be flashed because": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "has one way to be flashed": "test_flash_stm32::test_what_cannot_be_is_refused_before_anything_is_asked",
    "there is no programmer": "test_flash_stm32::test_what_cannot_be_is_refused_before_anything_is_asked",
    "an ST-Link writes": "test_flash_stm32::test_what_cannot_be_is_refused_before_anything_is_asked",
    "was not written": "test_flash_stm32::test_failed_write_says_what_the_program_said",
    "did not enter": "test_flash::test_what_cannot_be_is_said_in_a_sentence",
    "no board in BOOTSEL mode was found": "test_flash::test_no_board_is_explained",
    "boards that are in BOOTSEL mode": "test_flash::test_two_boards_are_refused",
    "it is for Board-ID": "test_flash::test_wrong_chip_is_refused",
    "the board's drive is not mounted": "test_flash::test_drive_that_is_not_mounted_is_named",
    "a board is in DFU mode, but": "test_flash_stm32::test_missing_permission_is_explained",
    "boards that are in DFU mode": "test_flash_stm32::test_two_boards_that_fit_are_refused",
    "whose flash is": "test_flash_stm32::test_wrong_chip_is_refused",
    "dfu-util failed": "test_flash_stm32::test_failed_write_says_what_the_program_said",
    "not at PA11 and PA12": "test_flash_stm32::test_usb_away_from_the_boot_loaders_pins_is_refused",
    "no board in DFU mode was found": "test_flash_stm32::test_no_board_in_dfu_mode_is_explained",
    "chip ID": "test_flash_stm32::test_wrong_chip_is_refused",
    "an ST-Link is plugged in, but": "test_flash_stm32::test_missing_permission_is_explained",
    "it fits the chips of": "test_flash_stm32::test_two_boards_that_fit_are_refused",
    "no ST-Link was found": "test_flash_stm32::test_no_st_link_is_explained",
    "st-flash failed": "test_flash_stm32::test_failed_write_says_what_the_program_said",
    "only root can make a chroot": "test_setup::test_bare_systems_need_root",
    "git is missing": "test_setup::test_bare_systems_need_git",
    "set TREES= to a folder": "test_tool_errors::test_what_make_matrix_refuses",
    "there is no MicroPython checkout in": "test_tool_errors::test_what_make_matrix_refuses",
    "cannot be run here": "test_tool_errors::test_what_make_matrix_refuses",
    "set FARM= to some of": "test_tool_errors::test_a_farm_of_a_board_without_an_emulator",
    "labgrid is not installed: run make test-farm": "test_tool_errors::test_without_labgrid",
    "labgrid is not installed here": "test_tool_errors::test_without_labgrid",
    "labgrid did not acquire the place": "test_targets::test_labgrid_that_says_nothing",
    "the place {} was not released": "test_targets::test_a_place_that_labgrid_does_not_take_back",
    "labgrid failed": "test_targets::test_labgrid_that_fails",
    "has {}: let one": "test_farm::test_what_cannot_be_acquired",
    "there is no coordinator of labgrid": "test_farm::test_without_a_coordinator",
    "labgrid has no place": "test_farm::test_what_cannot_be_acquired",
    "the place {} cannot be acquired": "test_farm::test_what_cannot_be_acquired",
    "does not tell what it is": "test_targets::test_a_board_that_does_not_tell_what_it_is",
    "has no physmem ({})": "test_targets::test_a_board_without_physmem",
    "has a raw package": "test_targets::test_boards_that_do_not_suit",
    "has no memory plan: write": "test_targets::test_boards_that_do_not_suit",
    "has the memory plan of": "test_targets::test_the_wrong_board",
    "keeps memory over resets": "test_targets::test_memory_that_is_kept_is_not_taken",
    "takes machine code number": "test_targets::test_boards_that_do_not_suit",
    "cannot mount a folder of this PC": "test_targets::test_boards_that_do_not_suit",
    "another program uses": "test_targets::test_a_port_that_is_none",
    "shows MicroPython's raw REPL within": "test_targets::test_a_port_that_is_none",
    "there is no {}: plug the board in": "test_targets::test_wrong_targets_are_told_before_tests_start",
    "there is no target": "test_targets::test_wrong_targets_are_told_before_tests_start",
    "or the line alone": "test_targets::test_what_names_a_target",
    "it is named twice": "test_targets::test_what_names_a_target",
    "no prompt answers": "test_look::test_a_program_that_runs_is_left_alone",
    "does not answer any more": "test_look::test_a_board_that_has_gone_is_told",
    "have handlers print nothing, or reset the board": "test_look::test_a_garbled_line_is_told",
    "to run it on the board ({})": "test_tool_errors::test_a_program_for_make_map_that_cannot_be_read",
    "{} has failed on the board": "test_look::test_a_program_that_fails_is_told",
    "let its main program end, and timers do its work": "test_look::test_a_program_that_fails_is_told",
    "cannot be opened as a serial port": "test_look::test_bad_input_is_told",
    "there is no board at {} ({})": "test_look::test_bad_input_is_told",
    "you may not use {}: add yourself": "test_look::test_a_port_that_belongs_to_others_is_told",
    "columns are too few for a map": "test_look::test_bad_input_is_told",
    "there is no program {} to run": "test_look::test_bad_input_is_told",
    "give --once for one look": "test_look::test_bad_input_is_told",
    "there is no folder {} to write": "test_look::test_bad_input_is_told",
    "{} is a folder": "test_look::test_bad_input_is_told",
    "which is not {}: have handlers print nothing": "test_look::test_a_garbled_mark_is_told",
    "the board could not tell its frames": "test_tool_errors::test_a_look_that_fails",
    "no program on this board has imported physmem": "test_look::test_a_board_without_physmem",
    "the board's heap has no room for a look": "test_tool_errors::test_a_look_that_fails",
    "physmem has no regions there": "test_tool_errors::test_a_look_at_a_board_without_regions",
    "which has Sphinx: run make docs": "test_reference::test_without_sphinx_it_says_what_to_run",
    "the runs of": "test_look::test_runs_that_are_not_the_region_are_refused",
}
NOT_TESTED = {
    "debootstrap knows no Debian release": "it takes a system that make fresh has made, as root",
    "debootstrap could not make": "the same",
    "apt knows no Debian mirror": "the same",
    "the README's commands do not both work": "the same",
    "processor fault": "a board's firmware must be broken",
    "the pages have the faults above": "a page of the project must have one",
    "no reason is given": "a program must fail without a word",
    "{} was closed: {}": "the line must end just when it is opened",
    "the connection was closed": "the same, of a serial server in the network",
    "labgrid's {} did not start": "labgrid must be broken",
    "the serial port of the place {} is not connected": "labgrid must be broken",
    "Chromium is not installed": "the tests need it",
    "Chromium did not start": "the tests need it",
    "run make build, which installs what that needs": "the tests need it",
}
"""Sentence -> why no test meets it."""


def test_each_sentence_has_a_test():
    """One name in TESTED fits it, and no name fits nothing."""
    names = [*TESTED, *NOT_TESTED]
    found = {name: [site for site in SITES if fits(name, site.sentence)] for name in names}
    assert [name for name, sites in found.items() if not sites] == []
    known = [site for sites in found.values() for site in sites]
    assert [site for site in SITES if site not in known] == []


def fits(name, sentence):
    """Return whether *name* is in the sentence; at its end, if it ends with a value."""
    return sentence.endswith(name) if name.endswith("{}") else name in sentence


@pytest.mark.parametrize("test", sorted(set(TESTED.values())))
def test_the_tests_that_are_named_are_there(test):
    file, _, name = test.partition("::")
    assert name in target_files.read(ROOT / "tests_host" / f"{file}.py").tests


def test_the_makefile_says_which_files_a_target_runs():
    """And they say what else they run: a program that is new cannot be forgotten."""
    found = tool_files.files("""
new: $(X)/.ready ## do something new
	@$(PYTHON) scripts/repl.py
other: ## do something else
	@$(call module,$(PYTHON)) campaigns.farm
$(X)/.ready: packages
	@scripts/make_venv.sh $(X)
""")
    assert found["Makefile"] == "any target"
    assert found["scripts/repl.py"] == "make new"
    assert found["scripts/qemu.py"] == "make new, make other"
    assert found["tests_host/campaigns/farm.py"] == found["tests_host/programs/labgrid_place.py"] == "make other"
    assert found["scripts/make_venv.sh"] == "any target that builds or installs"
    assert "tests_host/harness/target_tests.py" not in found
    found = tool_files.files("board: ## test it\n\t@$(PYTEST) $(FILES) --target=$(BOARD)\n")
    assert found["tests_host/harness/serial_line.py"] == "make board"
    for path in tool_files.LEFT_OUT:
        assert (ROOT / path).exists() and not any(name.startswith(path) for name in found), path


def test_a_sentence_is_read_from_each_language():
    found = {site.file: site.sentence for site in SITES}
    assert found["Makefile"].startswith("no emulator can run the .uf2 file of {}: set BOARD=")
    sentences = [site.sentence for site in SITES]
    for sentence in (
        'debootstrap knows no Debian release called {}: give RELEASES="bookworm trixie", or one of them.',
        "MicroPython {} in {} compiles viper code for ARM wrongly: p[i] through a ptr16 or ptr32 changes i.",
        "the board at {} did not enter {} mode: {}",
        "labgrid has no place {}: the places at {}: {}",  # in a dict, for another process
        "the board's heap has no room for a look, which takes up to 20 KB: {}",  # of a function that says why
    ):
        assert sentence in sentences


class Emulator:
    """A board whose demonstration ends with *error*, or which raises it."""

    def __init__(self, error):
        self.error = error

    def __enter__(self):
        if isinstance(self.error, Exception):
            raise self.error
        return self

    def __exit__(self, *exception):
        pass

    def connect(self):
        return types.SimpleNamespace(exec_raw=lambda *_, **__: (b"", self.error), close=lambda: None)


def said_by(program, monkeypatch, error):
    """Return what run.py or repl.py says of a board in an emulator that fails so."""
    monkeypatch.setattr(program, "emulator_of", lambda *_, **__: Emulator(error))
    with contextlib.redirect_stdout(io.StringIO()):
        return program.main("MPS2_AN385")


def test_demonstration_that_fails(monkeypatch):
    said = said_by(run, monkeypatch, b"Traceback: it is wrong")
    assert said == "physmem: the demonstration on MPS2_AN385 failed:\nTraceback: it is wrong"


def test_demonstration_that_is_interrupted(monkeypatch):
    said = said_by(run, monkeypatch, RuntimeError("QEMU has exited"))
    assert said == "physmem: the demonstration on MPS2_AN385 was interrupted: QEMU has exited."


def test_repl_of_an_emulator_that_fails(monkeypatch):
    said = said_by(repl, monkeypatch, RuntimeError("QEMU exited at once: no such machine"))
    assert said == "physmem: QEMU exited at once: no such machine."


def test_firmware_that_starts_no_repl(monkeypatch):
    class Mute:
        def __init__(self, url):
            pass

        def enter_raw_repl(self, **options):
            raise OSError("nothing is sent")

        def close(self):
            pass

    monkeypatch.setattr(emulated_board, "EmulatorTransport", Mute)
    with pytest.raises(RuntimeError, match="the firmware of MPS2_AN385 did not start its REPL: nothing is sent"):
        emulated_board.EmulatedBoard("MPS2_AN385").connect()


def test_a_farm_of_a_board_without_an_emulator():
    said = campaigns_farm.main(["MPS2_AN385", "TOASTER"], [])
    assert said.startswith("physmem: there is no emulator for TOASTER: set FARM= to some of ") and "MPS2_AN385" in said


def test_without_labgrid(monkeypatch, tmp_path):
    monkeypatch.setattr(labgrid_place, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(farm, "ENVIRONMENT", tmp_path)
    with pytest.raises(labgrid_place.PlaceError, match="make test-board TARGETS=labgrid:shelf installs it"):
        labgrid_place.Place("shelf")
    with pytest.raises(RuntimeError, match="labgrid is not installed: run make test-farm"), farm.Farm(()):
        pass


def test_a_program_for_make_map_that_cannot_be_read(tmp_path):
    (tmp_path / "own.py").write_bytes(b"# \xff")
    with pytest.raises(BoardError, match="cannot read .*own.py, to run it on the board .*: give another file"):
        ObservedBoard("unused").run_program(tmp_path / "own.py", 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError: memory allocation failed", "has no room for a look, which takes up to 20 KB: MemoryError"),
        ("OSError: 5", "the board could not tell its frames: OSError: 5"),
    ],
)
def test_a_look_that_fails(monkeypatch, error, said):
    def fail(measure):
        raise ProgramError(error)

    board = ObservedBoard("unused")
    board._transport = types.SimpleNamespace(serial=types.SimpleNamespace(sent=0, received=0))
    monkeypatch.setattr(board, "_look", fail)
    with pytest.raises(BoardError, match=said):
        board.look()


def test_a_look_at_a_board_without_regions(monkeypatch):
    monkeypatch.setattr(session, "parse", lambda text: types.SimpleNamespace(regions=[], board="", time=0, heap=None))
    board = types.SimpleNamespace(look=lambda measure: "", restarts=0, bytes_sent=0, bytes_received=0)
    look = session.Session(board, "title", None, None)
    monkeypatch.setattr(look.history, "add", lambda *_: None)
    with pytest.raises(BoardError, match=r"has no regions there: call physmem.boot\(\), init\(\) or boot_in_heap"):
        look.look()


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a function that makes a Qemu whose program is the given script."""

    def make(script, interactive=False):
        program = tmp_path / "qemu-system-arm"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return qemu.Qemu("MPS2_AN385", interactive)

    return make


def test_qemu_that_does_not_start(machine):
    with pytest.raises(RuntimeError, match="QEMU exited at once: no such machine"):
        machine("echo no such machine; exit 1").start()


def test_qemu_that_does_not_listen(machine, monkeypatch):
    monkeypatch.setattr(qemu, "BOOT_SECONDS", 0.1)
    with pytest.raises(RuntimeError, match="QEMU did not open its serial port within 0.1 s"):
        machine("exec sleep 60").start()


def test_qemu_without_a_terminal(machine):
    with pytest.raises(RuntimeError, match="QEMU did not open a pseudo-terminal: none is left"):
        machine("echo none is left; exec sleep 60", interactive=True).start()


def test_qemu_that_ends():
    ended = qemu.Qemu("MPS2_AN385")
    ended._monitor = io.StringIO()
    with pytest.raises(RuntimeError, match="QEMU has exited"):
        ended.reset()


def test_emulator_that_is_not_built(monkeypatch, tmp_path):
    monkeypatch.setattr(rp2_emulator, "boot_rom", lambda chip: tmp_path / "absent")
    with pytest.raises(RuntimeError, match="the RP2040 emulator is not built: run make build"):
        rp2_emulator.Rp2Emulator("RPI_PICO").start()


def emulator_that_answers(answer, last_words=""):
    """Return the emulator of a Pico that prints *answer* whatever it is told."""
    emulator = rp2_emulator.Rp2Emulator("RPI_PICO")
    emulator.process = types.SimpleNamespace(
        stdin=io.StringIO(), stdout=io.StringIO(answer), stderr=io.StringIO(last_words)
    )
    return emulator


def test_emulator_that_ends():
    with pytest.raises(RuntimeError, match="the RP2040 emulator has exited: out of memory"):
        emulator_that_answers("", "out of memory").reset()


def test_emulator_that_cannot_do_what_it_is_told():
    with pytest.raises(RuntimeError, match="the RP2040 emulator could not do reset: the chip is stuck"):
        emulator_that_answers('{"id": 1, "error": "the chip is stuck"}').reset()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "physmem: set TREES= to a folder of MicroPython checkouts."),
        (("{folder}",), "physmem: there is no MicroPython checkout in {folder}: set TREES= to their folder."),
        (("{trees}", "--boards", "TOASTER"), "physmem: TOASTER cannot be run here: set MATRIX_BOARDS= to some of "),
    ],
)
def test_what_make_matrix_refuses(arguments, said, monkeypatch, tmp_path, capsys):
    (tmp_path / "trees" / "one" / "py").mkdir(parents=True)
    (tmp_path / "trees" / "one" / "py" / "mpconfig.h").touch()
    (tmp_path / "none").mkdir()
    names = {"folder": tmp_path / "none", "trees": tmp_path / "trees"}
    monkeypatch.setattr("sys.argv", ["matrix", *(argument.format(**names) for argument in arguments)])
    with pytest.raises(SystemExit) as ended:
        matrix.main()
    assert ended.value.code == 2 and said.format(**names) in capsys.readouterr().err
