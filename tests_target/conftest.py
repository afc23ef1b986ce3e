"""Run the test files under CPython as the runners run them: each with a physmem that has just booted.

With `--target`, tests_host/harness/target_tests.py says where else, and whether here at all.
"""

import gc
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path

import pytest

from harness import memory_plans, target_files, target_tests

sys.path.append(str(memory_plans.write().parent))

ROOT = Path(__file__).resolve().parent.parent
FRESH_FOLDERS = {str(ROOT / folder) for folder in ("lib", "firmware", "boards/UNIX", "tests_target")}
_modules = pytest.StashKey()


def _fresh_modules():
    """Return names and modules of one runner's run: the library, its boot stage, the helpers of the tests."""
    return {
        name: module
        for name, module in sys.modules.items()
        if os.path.dirname(getattr(module, "__file__", None) or "") in FRESH_FOLDERS and "conftest" not in name
    }


def _replace_fresh_modules(modules):
    """Replace the fresh modules with *modules*; return the ones that were there."""
    before = _fresh_modules()
    for name in before:
        del sys.modules[name]
    sys.modules.update(modules)
    return before


def _boot():
    """Do what firmware/boot_stage.c does: print a failed boot. Every test that needs the boot then fails on its own."""
    try:
        importlib.import_module("physmem_boot")
    except Exception:
        traceback.print_exc()


def pytest_ignore_collect(collection_path, config):
    if config.pluginmanager.has_plugin(target_tests.PLUGIN):
        return None
    if collection_path.name.startswith("test_") and not target_files.read(collection_path).is_for(target_files.CPYTHON):
        return True
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    if not isinstance(collector, pytest.Module) or not getattr(collector, "runs_on_cpython", True):
        return (yield)
    outside = _replace_fresh_modules({})
    try:
        _boot()
        return (yield)
    finally:
        collector.stash[_modules] = _replace_fresh_modules(outside)


def pytest_itemcollected(item):
    if isinstance(item, target_tests.TargetTest):
        return
    # The tests of a file share the state of physmem: one worker runs them, in order.
    item.add_marker(pytest.mark.xdist_group(f"{target_files.CPYTHON}-{item.path.stem}"))


@pytest.fixture(autouse=True, scope="module")
def modules_of_this_file(request):
    outside = _replace_fresh_modules(request.node.stash[_modules])
    # A failed allocation runs the collector. It need not scan everything that other tests have left behind.
    gc.collect()
    gc.freeze()
    yield
    sys.modules["micropython"].run_scheduled()  # a runner's next file has an empty queue, too
    request.node.stash[_modules] = _replace_fresh_modules(outside)


@pytest.fixture(autouse=True)
def time_limit(request):
    """Enforce the time limit that the test has on the runners."""
    seconds = target_files.read(request.node.path).timeout

    def give_up(signal_number, frame):
        raise TimeoutError(f"no result within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
