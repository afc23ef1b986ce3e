"""Why a serial port cannot be opened, and what to do."""

import os

import serial
from serial.tools import list_ports


def why_not(address):
    """Return why the port at *address*, as pyserial takes it, could not be opened, and what to do."""
    is_here = "://" not in address
    if is_here and not os.path.exists(address):
        there = ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
        return f"there is no {address}: plug the board in, or name another port; the serial ports here: {there}"
    if is_here and not os.access(address, os.R_OK | os.W_OK):
        return f"you may not use {address}: add yourself to the group that `ls -l {address}` names, and log in again"
    try:
        serial.serial_for_url(address, exclusive=True if is_here else None).close()
        found = "it could not be opened at first"
    except (OSError, ValueError) as error:
        found = str(error)
    if "exclusively lock" in found:
        return f"another program uses {address}: end it, such as `make repl` or mpremote"
    if is_here:
        return f"{address} cannot be opened as a serial port ({found}): name another port"
    return f"there is no board at {address} ({found}): name an address where one listens, as socket://192.168.1.2:4000"
