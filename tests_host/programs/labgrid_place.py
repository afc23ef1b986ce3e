"""labgrid_place.py PLACE: acquire the place, print where its serial port is, and release it when standard input ends.

Runs in the environment of requirements_farm.txt. Prints a line of JSON: {"address", "speed"} or {"error"}.
"""

import argparse
import contextlib
import json
import os
import signal
import sys

from labgrid.remote.client import Error, start_session

SERIAL_PORT = "NetworkSerialPort"
ADDRESS = {"rfc2217": "rfc2217://{host}:{port}?ign_set_control&timeout=5", "raw": "socket://{host}:{port}"}
"""Protocol of labgrid -> how pyserial writes it. As labgrid does: a board need not have the lines that are set."""


def ports_of(session, name):
    """Return the parameters of the serial ports of the acquired place, a list of dicts."""
    resources = session.get_target_config(session.get_acquired_place(name))["resources"]
    return [resource[SERIAL_PORT] for resource in resources if SERIAL_PORT in resource]


def where(ports, name):
    """Return what is to be printed of the *ports* of the place."""
    if len(ports) != 1:
        what = "no serial port" if not ports else f"{len(ports)} serial ports"
        return {"error": f"the place {name} has {what}: let one {SERIAL_PORT} match it (labgrid-client add-match)"}
    port = ports[0]
    if port.get("port") is None:
        return {"error": f"the serial port of the place {name} is not connected: look at the exporter's output"}
    address = ADDRESS[port.get("protocol", "rfc2217")].format(host=port["host"], port=port["port"])
    return {"address": address, "speed": port.get("speed", 115200)}


def main(name):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    coordinator = os.environ.get("LG_COORDINATOR", "127.0.0.1:20408")
    arguments = argparse.Namespace(place=name, allow_unmatched=False, kick=False)
    try:
        session = start_session(coordinator, extra={"args": arguments, "env": None, "role": None, "prog": "pytest"})
    except Error as error:
        return {"error": f"there is no coordinator of labgrid at {coordinator} ({error}): set LG_COORDINATOR"}
    run = session.loop.run_until_complete
    try:
        if name not in session.places:
            there = ", ".join(sorted(session.places)) or "none"
            return {"error": f"labgrid has no place {name}: the places at {coordinator}: {there}"}
        with contextlib.redirect_stdout(sys.stderr):  # labgrid says what it does
            run(session.acquire())
        try:
            print(json.dumps(where(ports_of(session, name), name)), flush=True)
            run(session.loop.run_in_executor(None, sys.stdin.read))  # the connection is kept alive meanwhile
        finally:
            with contextlib.redirect_stdout(sys.stderr):
                run(session.release())
    except Error as error:
        return {"error": f"the place {name} cannot be acquired: {error}"}
    finally:
        run(session.stop())
        run(session.close())
    return None


if __name__ == "__main__":
    problem = main(sys.argv[1])
    if problem:
        print(json.dumps(problem), flush=True)
