"""mutation.py [--sample N] [--survivors] [--status]: check that the tests notice every small change to the engine.

The engine is physmem_engine, physmem_state, and the words of records in physmem_records and physmem_recover. Cosmic Ray
makes the changes, one at a time: every arithmetic, bitwise and comparing operator becomes each of the others, every
number one more and one less, conditions are negated, loops left out, and so on. A change is *killed* when
tests_host/test_engine.py fails on it. An interrupted run continues where it stopped; if the engine or the test has
changed, it starts again. docs/mutation_reasons.toml explains the survivors. docs/mutation.md is written from both, and
a digest on it identifies the code. --status compares that digest with the present code's and does nothing else.

Exits with status 1 if less than 95 % are killed, if a survivor is not explained, or if what is explained is not one.
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

from campaigns import mutation_report
from programs.run_engine_tests import engine_files, tested_rows, tested_statements

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "lib"
ENGINE = engine_files(LIBRARY)
TESTS = ROOT / "tests_host" / "programs" / "run_engine_tests.py"
TESTS_NEED = [
    *(ROOT / "tests_host" / name for name in ("test_engine.py", "models/placement_model.py")),
    *sorted((ROOT / "tests_host" / "stubs").glob("*.py")),
]
BUILD = ROOT / "build" / "mutation"

WORKERS = 2
SECONDS = 60  # for one run of the test, which also limits its own processor time
LEAST_KILLED = 0.95
# MicroPython's decorators are stubs that do nothing under CPython: removing one does not change the program.
LEFT_OUT = ("core/RemoveDecorator",)


def digest_of_tests():
    digest = hashlib.sha256()
    for path in [TESTS, *TESTS_NEED]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def digest_of_engine(and_of_places=False):
    """Return a digest of the code, without docstrings and comments; with its line numbers if `and_of_places`."""
    digest = hashlib.sha256()
    for path in ENGINE:
        tree = ast.Module(tested_statements(path), [])
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
                del node.body[0]
        # ast.dump differs between versions of Python. That does not matter for the database of one PC.
        digest.update((ast.dump(tree, include_attributes=True) if and_of_places else ast.unparse(tree)).encode())
    return digest.hexdigest()[:16]


def status():
    """Return a sentence that says whether the page is of the present engine."""
    page, today = mutation_report.digest_on_page(ROOT), digest_of_engine()
    if page == today:
        return f"docs/mutation.md is of the present engine, {today}"
    return f"docs/mutation.md is of the engine {page}, not of the present one, {today}"


def copies(run):
    """Return the folder for the copies of the engine that one run changes; `run` is the run's process number."""
    return BUILD / f"copies-{run}"


def own_folder():
    return copies(os.getppid()) / str(os.getpid())


def prepare_worker():
    """Make this process's copy of the library, of which physmem_recover imports much; leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own_folder().mkdir(parents=True)
    for path in LIBRARY.glob("*.py"):
        shutil.copy(path, own_folder())


def try_mutant(item):
    """Run the test on one changed copy. Return ``(job, result)``."""
    command = shlex.join([sys.executable, "-B", str(TESTS), str(own_folder())])
    mutations = [
        attrs.evolve(mutation, module_path=own_folder() / mutation.module_path.name) for mutation in item.mutations
    ]
    return item.job_id, cosmic_ray.mutating.mutate_and_test(mutations, command, SECONDS)


def make_session(path):
    """Enter every mutant into the database at `path`, without results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with use_db(path, WorkDB.Mode.create) as database:
        cosmic_ray.commands.init(ENGINE, database, {})


def forget(path, survivors_only):
    """Delete results from the database at `path`: those of survivors, or all."""
    with sqlite3.connect(path) as connection:
        where = " WHERE test_outcome = 'SURVIVED'" if survivors_only else ""
        connection.execute("DELETE FROM work_results" + where)


def is_tried(mutation, rows):
    """Return whether a mutation is of the engine; `rows` are the rows of each path that are."""
    return mutation.operator_name not in LEFT_OUT and mutation.start_pos[0] in rows[mutation.module_path]


def run(database, sample):
    """Try the mutants that have no result yet, or a `sample` of them."""
    rows = {path: tested_rows(path) for path in ENGINE}
    items = [item for item in database.pending_work_items if is_tried(item.mutations[0], rows)]
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
    # Start the processes before the thread that draws the bar, so that no process inherits a lock held by that thread.
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
    """Return the seconds that the test takes on the unchanged engine.

    Exit if it fails there: then every mutant would look killed.
    """
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-B", TESTS, LIBRARY], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"mutation: the test fails on the unchanged engine; correct that first:\n{done.stdout}{done.stderr}")
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="try this many random mutants, and write no page")
    parser.add_argument("--survivors", action="store_true", help="try only the survivors again, after adding a test")
    parser.add_argument("--status", action="store_true", help="say whether the page is of the present engine")
    arguments = parser.parse_args()
    print(f"mutation: {status()}")
    if arguments.status:
        return 0
    seconds = check_baseline()
    session = BUILD / f"session-{digest_of_engine(and_of_places=True)}.sqlite"
    tests = session.with_suffix(".tests")
    if not session.exists():
        tests.unlink(missing_ok=True)
        make_session(session)
    digest = digest_of_tests()
    if not tests.exists() or tests.read_text() != digest:
        forget(session, survivors_only=arguments.survivors)
        tests.write_text(digest)
    print(f"mutation: the test takes {seconds:.1f} s on the unchanged engine")
    with use_db(session, WorkDB.Mode.open) as database:
        counts = run(database, arguments.sample)
        if arguments.sample:
            print(f"mutation: {dict(counts)}")
            return 0
        return mutation_report.write(ROOT, digest_of_engine(), database.completed_work_items, LEAST_KILLED)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("mutation: interrupted; run make mutation to continue")
        sys.exit(130)
