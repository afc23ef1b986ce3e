"""storm.py [--board NAME] [--calls N]: run the storm of tests_target/handler_storm.py on boards, for a minute of their
time or longer.

A hard timer handler makes allocating calls by object while the program makes the same and the garbage collector runs.
Each line of the output has what was counted on one board. The exit status is 1 if anything was wrong.
"""

import argparse
import sys
import time

from harness import runners, target_files

BOARDS = ("MPS2_AN385", "RPI_PICO", "RPI_PICO2")
CALLS = 300_000  # of the handler: a minute at 5 kHz
SECONDS = 3600
FILE = target_files.FOLDER / "test_handler_storm.py"


def run(board, calls):
    """Return (passed, what was printed)."""
    runner = runners.all_runners()[board]
    file = target_files.read(FILE)
    try:
        runner.start(file)
        output = runner._execute(f"import handler_storm\nprint(handler_storm.storm({calls}))", SECONDS)
        return True, output
    except (OSError, RuntimeError, TimeoutError) as error:
        return False, str(runner.explain(error))
    finally:
        runner.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", choices=runners.all_runners(), action="append", help=f"default: {', '.join(BOARDS)}")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"of the handler on each board (default {CALLS:,})")
    arguments = parser.parse_args()
    failed = 0
    for board in arguments.board or BOARDS:
        start = time.monotonic()
        passed, output = run(board, arguments.calls)
        failed += not passed
        print(f"{board}: {output.strip()} ({time.monotonic() - start:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
