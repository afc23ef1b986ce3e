"""run_engine_tests.py FOLDER [SECONDS]: the tests of test_engine.py on FOLDER/physmem_engine.py, to the first failure.

Without pytest, which takes longer to start than most changed engines take to fail: for scripts/mutation.py and
test_coverage.py. A changed engine may loop for ever or ask for all memory: a test that uses more than SECONDS (3, ten
times what the longest needs) of processor time, or the whole more than MEMORY bytes, ends with an error.
"""

import os
import resource
import signal
import sys
from pathlib import Path

MEMORY = 1 << 30


def give_up(*_):
    print("more processor time than a test may use", flush=True)
    os._exit(1)


def main(folder, seconds="3"):
    here = Path(__file__).resolve().parent
    sys.path[:0] = [folder, str(here), str(here / "stand_ins")]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, give_up)
    import test_engine

    for name, test in vars(test_engine).items():
        if name.startswith("test_"):
            signal.setitimer(signal.ITIMER_VIRTUAL, float(seconds))
            test()


if __name__ == "__main__":
    main(*sys.argv[1:])
