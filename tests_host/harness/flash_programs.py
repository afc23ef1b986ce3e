"""Stand-ins for dfu-util, st-info and st-flash, which write to files instead of chips.

They take the arguments that scripts/flash_dfu.py and scripts/flash_stlink.py give, refuse others, and print what the
real programs print (dfu-util 0.11, stlink 1.7.0 and 1.8.0). As the real ones do, they erase each sector that they write
to. A stand-in reads the devices that are plugged in from devices.json in its folder, and adds its arguments to
calls.json.
"""

import json
import pathlib
import stat
import struct
import sys

FLASH_START = 0x08000000
PROGRAMS = ("dfu-util", "st-info", "st-flash")


class PluggedIn:
    """The devices that the stand-ins in *folder* know, and the calls of these."""

    def __init__(self, folder):
        self.folder = folder
        self.devices = []
        self.problems = {}  # "list", "write" or "leave" -> what the program prints on stderr when that fails
        self.version = "1.7.0"
        here = pathlib.Path(__file__).parent
        for name in PROGRAMS:
            program = folder / name
            program.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(here)!r})\n"
                f"import flash_programs\nsys.exit(flash_programs.run({name!r}, {str(folder)!r}, sys.argv[1:]))\n"
            )
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.save()

    def save(self):
        state = {"devices": self.devices, "problems": self.problems, "version": self.version}
        (self.folder / "devices.json").write_text(json.dumps(state))

    def fail(self, action, said):
        """From now on the programs print *said* when they should do *action*, and do not do it."""
        self.problems[action] = said
        self.save()

    def plug_in(self, kind, serial, device_id=0, sizes=(), usb_id="0483:df11", layout=None):
        """Add a device of *kind* "dfu" or "stlink", whose flash has sectors of *sizes* KiB, full of 0xA5."""
        flash = self.folder / f"{serial}.flash"
        flash.write_bytes(b"\xa5" * (sum(sizes) << 10))
        if layout is None:
            layout = "@Internal Flash  /0x08000000/" + ",".join(f"01*{size:03}Kg" for size in sizes)
        device = {"kind": kind, "serial": serial, "device_id": device_id, "sizes": list(sizes), "layout": layout}
        self.devices.append(device | {"usb_id": usb_id, "path": f"1-{len(self.devices) + 1}", "flash": str(flash)})
        self.save()
        return flash

    def calls(self):
        """Return [program, arguments...] of each call so far."""
        path = self.folder / "calls.json"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def writes(self):
        """Return the calls that write to a chip."""
        return [call for call in self.calls() if "-D" in call or "write" in call]


def _program(device, address, content):
    """Write *content* at *address* of the *device*, after erasing each sector that it touches."""
    path = pathlib.Path(device["flash"])
    flash = bytearray(path.read_bytes())
    start = address - FLASH_START
    base = 0
    for size in device["sizes"]:
        end = base + (size << 10)
        if base < start + len(content) and start < end:
            flash[base:end] = b"\xff" * (size << 10)
        base = end
    flash[start : start + len(content)] = content
    assert len(flash) == base, "the chip has no flash there"
    path.write_bytes(flash)


def _dfu_util(devices, arguments):
    print("dfu-util 0.11\n\nCopyright 2005-2009 Weston Schmidt, Harald Welte and OpenMoko Inc.\n")
    if arguments == ["-l"]:
        for device in devices:
            for number, name in ((1, "@Option Bytes  /0x1FFFC000/01*016 e"), (0, device["layout"])):
                print(
                    f'Found DFU: [{device["usb_id"]}] ver=2200, devnum=12, cfg=1, intf=0, path="{device["path"]}",'
                    f' alt={number}, name="{name}",'
                    f' serial="{device["serial"]}"'
                )
        return 0
    assert arguments[:3] == ["-d", "0483:df11", "-p"] and arguments[4:-1] == ["-a", "0", "-s", ":leave", "-D"], (
        arguments
    )
    (device,) = (device for device in devices if device["path"] == arguments[3])
    data = pathlib.Path(arguments[-1]).read_bytes()
    (number,) = struct.unpack_from("<I", data, 11 + 270)
    place = 11 + 274
    for _ in range(number):
        address, size = struct.unpack_from("<2I", data, place)
        _program(device, address, data[place + 8 : place + 8 + size])
        place += 8 + size
    print("Done parsing DfuSe file\nSubmitting leave request...\nTransitioning to dfuMANIFEST state")
    return 0


def _st_info(devices, arguments, version):
    assert arguments == ["--probe"], arguments
    print(f"Found {len(devices)} stlink programmers")
    for number, device in enumerate(devices, 1):
        if len(devices) > 1:
            print(f"{number}.")
        digits = 4 if version == "1.7.0" else 3
        print("  version:    V2J37S7")
        print(f"  serial:     {device['serial']}")
        print(f"  flash:      {sum(device['sizes']) << 10} (pagesize: 16384)")
        print("  sram:       196608")
        print(f"  chipid:     {device['device_id']:#0{2 + digits}x}")
        if device["device_id"]:
            print("  descr:      F4xx" if version == "1.7.0" else "  dev-type:   STM32F4xx")
    return 0


def _st_flash(devices, arguments, version):
    print(f"st-flash {version}")
    reset = "--reset" in arguments
    serial, path, address = arguments[1], *arguments[-2:]
    assert arguments == ["--serial", serial, *["--reset"] * reset, "write", path, address], arguments
    (device,) = (device for device in devices if device["serial"] == serial)
    _program(device, int(address, 16), pathlib.Path(path).read_bytes())
    print("2026-01-01T00:00:00 INFO common.c: Flash written and verified! jolly good!", file=sys.stderr)
    return 0


def run(program, folder, arguments):
    """Do what *program* does with *arguments*. Return its exit status."""
    folder = pathlib.Path(folder)
    with open(folder / "calls.json", "a") as calls:
        print(json.dumps([program, *arguments]), file=calls)
    state = json.loads((folder / "devices.json").read_text())
    kind = "dfu" if program == "dfu-util" else "stlink"
    devices = [device for device in state["devices"] if device["kind"] == kind]
    problems = state["problems"]
    action = "list" if arguments in (["-l"], ["--probe"]) else "write"
    if action in problems:
        print(problems[action], file=sys.stderr)
        if action == "write":
            return 74
        devices = []
    if program == "dfu-util":
        status = _dfu_util(devices, arguments)
    elif program == "st-info":
        status = _st_info(devices, arguments, state["version"])
    else:
        status = _st_flash(devices, arguments, state["version"])
    if action == "write" and "leave" in problems:
        print(problems["leave"], file=sys.stderr)
        return 74
    return status
