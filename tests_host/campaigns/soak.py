"""soak.py [--operations N] [--chunk K]: run seeded operations on the unix port's engine and compare each with a model.

The model, tests_host/models/placement_model.py, tells exactly which frame a raw call must return. After every operation
the free frames, the peak and the number of failed requests are compared as well. The work is divided into numbered
chunks. build/soak.json records the chunks that had no mismatch, so an interrupted run continues where it stopped. If
the engine or the soak itself has changed, the run starts again from the first chunk.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
from array import array
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from campaigns.soak_operations import OPERATIONS_OF_CHUNK, segments
from emulated_board import ROOT

UNIX = ROOT / "build" / "UNIX" / "micropython"
STATE = ROOT / "build" / "soak.json"
SOURCES = (
    ROOT / "lib" / "physmem_engine.py",
    ROOT / "lib" / "physmem_state.py",
    ROOT / "lib" / "physmem_region.py",
    ROOT / "tests_host" / "models" / "placement_model.py",
    ROOT / "tests_host" / "campaigns" / "soak_operations.py",
    ROOT / "tests_host" / "campaigns" / "soak_worker.py",
)
OPERATIONS = 10_000_000
WORKERS = 2
HEAP = "12M"  # little more than the regions that the port boots with: MicroPython is slow with a large heap
ENOUGH = 10  # mismatches after which the run stops


class UnixEngine:
    """A process of the unix port that runs tests_host/campaigns/soak_worker.py."""

    def __init__(self, program=UNIX):
        self._process = subprocess.Popen(
            [program, "-X", f"heapsize={HEAP}", ROOT / "tests_host" / "campaigns" / "soak_worker.py"],
            env=dict(os.environ, MICROPYPATH=".frozen"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def answers(self, segment):
        """Return the engine's answers to `segment`; if the process ended instead, what it printed, as bytes."""
        size = segment.answers.itemsize * len(segment.answers)
        try:
            self._process.stdin.write(segment.header().tobytes() + segment.operations.tobytes())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        received = self._process.stdout.read(size)
        return array("i", received) if len(received) == size else received


def first_difference(segment, answers):
    """Return the first operation of `segment` whose answers differ from the model's; None if there is none."""
    if answers == segment.answers:
        return None
    return next(i for i in range(len(segment)) if answers[4 * i : 4 * i + 4] != segment.answers[4 * i : 4 * i + 4])


def mismatches_of(chunk, program=UNIX):
    """Run the chunk with that number. Return a text for each segment in which the engine and the model differ."""
    texts = []
    with UnixEngine(program) as engine:
        for turn, segment in enumerate(segments(chunk)):
            where = f"chunk {chunk}, segment {turn}: {segment.region()}"
            answers = engine.answers(segment)
            if isinstance(answers, bytes):
                return [*texts, f"{where}: the unix port ended: {answers.decode(errors='replace')[-2000:]}"]
            i = first_difference(segment, answers)
            if i is not None:
                given, expected = (row[4 * i : 4 * i + 4].tolist() for row in (answers, segment.answers))
                call = f"operation {i}, {segment.call(i)}"
                texts.append(f"{where}: {call}: [answer, free, peak, failed] is {given}, not {expected}")
    return texts


def fingerprint():
    """Return a digest of everything that the outcome of a chunk depends on."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def chunks_done(path, digest):
    """Return the chunks that `path` records as done for this digest."""
    try:
        remembered = json.loads(path.read_text())
    except FileNotFoundError:
        return set()
    return set(remembered["chunks"]) if remembered["digest"] == digest else set()


def remember(path, digest, done):
    """Write `path`, so that no reader ever sees it half written."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"digest": digest, "chunks": sorted(done)}))
    part.replace(path)


def soak(count, state=STATE, run=mismatches_of, console=None):
    """Run those of the chunks 0 .. `count` - 1 that are not done, two at a time. Return the texts of the mismatches."""
    console = console or Console()
    digest = fingerprint()
    done = chunks_done(state, digest)
    remaining = sorted(set(range(count)) - done)
    found = []
    if len(remaining) < count:
        text = f"{count - len(remaining)} of {count} chunks are already done; to start again, delete {state}."
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    columns = (
        BarColumn(16),
        TextColumn("{task.completed:,} of {task.total:,}, {task.fields[rate]} a second,"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[mismatches]} mismatches"),
    )
    total = count * OPERATIONS_OF_CHUNK
    # Start the processes before the thread that draws the bar, so that no process inherits a lock held by that thread.
    # They ignore Ctrl-C: this process handles it and ends them.
    with ProcessPoolExecutor(WORKERS, get_context("fork"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        pending = {pool.submit(run, chunk): chunk for chunk in remaining}
        try:
            with Progress(*columns, console=console) as progress:
                first = total - len(remaining) * OPERATIONS_OF_CHUNK
                task = progress.add_task("", total=total, completed=first, mismatches=0, rate="-")
                for future in as_completed(pending):
                    texts = future.result()
                    if texts:
                        found.extend(texts)
                        for text in [*texts, f"to repeat this: make soak CHUNK={pending[future]}"]:
                            progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
                    else:
                        done.add(pending[future])
                        remember(state, digest, done)
                    speed = progress.tasks[task].speed
                    rate = f"{speed:,.0f}" if speed else "-"
                    progress.update(task, advance=OPERATIONS_OF_CHUNK, mismatches=len(found), rate=rate)
                    if len(found) >= ENOUGH:
                        break
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--operations", type=int, default=OPERATIONS, help="rounded up to whole chunks")
    parser.add_argument("--chunk", type=int, help="run only this chunk, even if it is already done")
    arguments = parser.parse_args()
    if arguments.chunk is not None:
        found = mismatches_of(arguments.chunk)
        print("\n".join(found) or f"chunk {arguments.chunk}: {OPERATIONS_OF_CHUNK} operations, 0 mismatches")
        return bool(found)
    count = -(-arguments.operations // OPERATIONS_OF_CHUNK)
    found = soak(count)
    if found:
        print(f"soak: {len(found)} mismatches")
        return 1
    print(f"soak: {count * OPERATIONS_OF_CHUNK:,} operations, 0 mismatches")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("soak: interrupted; run make soak to continue")
        sys.exit(130)
