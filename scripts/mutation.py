"""mutation.py [--sample N] [--survivors]: does a test notice each small change of lib/physmem_engine.py?

Cosmic Ray makes the changes, one at a time: every arithmetic, bitwise and comparing operator becomes each of the
others, every number one more and one less, conditions are negated, loops left out, and so on. A change is *killed* when
tests_host/test_engine.py fails on it. Work goes on where it was interrupted; it starts anew when the engine or the test
has changed. The survivors are explained in docs/mutation_reasons.toml; docs/mutation.md is written from both.

Ends with status 1 if less than 95 % are killed, or if a survivor is not explained.
"""

import argparse
import ast
import hashlib
import os
import pathlib
import random
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import attrs
import cosmic_ray.commands
import cosmic_ray.mutating
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import mutation_report

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINE = ROOT / "lib" / "physmem_engine.py"
TESTS = ROOT / "tests_host" / "run_engine_tests.py"
TESTS_NEED = [
    *(ROOT / "tests_host" / name for name in ("test_engine.py", "placement_model.py")),
    *sorted((ROOT / "tests_host" / "stand_ins").glob("*.py")),
]
BUILD = ROOT / "build" / "mutation"

WORKERS = 2
SECONDS = 60  # for one run of the test, which limits its processor time by itself
LEAST_KILLED = 0.95
# MicroPython's decorators do nothing under CPython's stand-ins: without them the program is the same.
LEFT_OUT = ("core/RemoveDecorator",)


def digest_of_tests():
    digest = hashlib.sha256()
    for path in [TESTS, *TESTS_NEED]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def digest_of_engine():
    """Changes with the code and where it stands; not with what a docstring or a comment says."""
    tree = ast.parse(ENGINE.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return hashlib.sha256(ast.dump(tree, include_attributes=True).encode()).hexdigest()


def copies(run):
    """The folder of the copies of the engine that the processes of a run may change; `run` is its process number."""
    return BUILD / f"copies-{run}"


def own_folder():
    return copies(os.getppid()) / str(os.getpid())


def prepare_worker():
    """Make the copy. Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own_folder().mkdir(parents=True)
    shutil.copy(ENGINE, own_folder())


def try_mutant(item):
    """Run the test on one changed copy: ``(job, result)``."""
    command = shlex.join([sys.executable, "-B", str(TESTS), str(own_folder())])
    mutations = [attrs.evolve(mutation, module_path=own_folder() / ENGINE.name) for mutation in item.mutations]
    return item.job_id, cosmic_ray.mutating.mutate_and_test(mutations, command, SECONDS)


def make_session(path):
    """Enter every mutant into the data base at `path`, without results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with use_db(path, WorkDB.Mode.create) as database:
        cosmic_ray.commands.init([ENGINE], database, {})


def forget(path, survivors_only):
    """Take results out of the data base at `path`: of survivors, or all."""
    with sqlite3.connect(path) as connection:
        where = " WHERE test_outcome = 'SURVIVED'" if survivors_only else ""
        connection.execute("DELETE FROM work_results" + where)


def run(database, sample):
    """Try the mutants that have no result yet, or a `sample` of them."""
    items = [item for item in database.pending_work_items if item.mutations[0].operator_name not in LEFT_OUT]
    if sample:
        items = random.sample(items, min(sample, len(items)))
    counts = Counter()
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("mutants, {task.fields[survived]} survived"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # The processes begin before the thread that draws the bar: none is born with a lock that this thread holds.
    with ProcessPoolExecutor(WORKERS, get_context("fork"), prepare_worker) as pool:
        pending = [pool.submit(try_mutant, item) for item in items]
        try:
            with Progress(*columns) as progress:
                task = progress.add_task("", total=len(items), survived=0)
                for future in as_completed(pending):
                    job, result = future.result()
                    if result.worker_outcome != WorkerOutcome.NORMAL:
                        raise RuntimeError(f"a mutant could not be tried: {result.output}")
                    database.set_result(job, result)
                    counts[result.test_outcome.value] += 1
                    progress.update(task, advance=1, survived=counts["survived"])
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(copies(os.getpid()), ignore_errors=True)
    return counts


def check_baseline():
    """The unchanged engine must pass, or every mutant would look killed. Return the seconds that it takes."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-B", TESTS, ENGINE.parent], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"mutation: the test fails on the engine as it is:\n{done.stdout}{done.stderr}")
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="try so many mutants at random, and write no document")
    parser.add_argument("--survivors", action="store_true", help="after a test was added: try only survivors again")
    arguments = parser.parse_args()
    seconds = check_baseline()
    session = BUILD / f"session-{digest_of_engine()[:16]}.sqlite"
    tests = session.with_suffix(".tests")
    if not session.exists():
        tests.unlink(missing_ok=True)
        make_session(session)
    digest = digest_of_tests()
    if not tests.exists() or tests.read_text() != digest:
        forget(session, survivors_only=arguments.survivors)
        tests.write_text(digest)
    print(f"mutation: the test takes {seconds:.1f} s on the engine as it is")
    with use_db(session, WorkDB.Mode.open) as database:
        counts = run(database, arguments.sample)
        if arguments.sample:
            print(f"mutation: {dict(counts)}")
            return 0
        return mutation_report.write(ROOT, ENGINE, database.completed_work_items, LEAST_KILLED)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("mutation: interrupted; make mutation goes on from here")
        sys.exit(130)
