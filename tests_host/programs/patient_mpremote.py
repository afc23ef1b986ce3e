"""mpremote, with the limits of time of emulated boards: its own 10 s may be too few on a busy PC."""

import sys

from mpremote import commands, main

from emulated_board import EmulatorTransport

commands.SerialTransport = EmulatorTransport

if __name__ == "__main__":
    sys.exit(main.main())
