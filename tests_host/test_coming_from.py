"""The tables of docs/coming_from_*.md: what stands in their column *here* exists, and no name of ours is left out."""

import importlib
import inspect
import re
import sys
from unittest import mock

import physmem
import public_names
import pytest
from support import fresh_physmem

from harness.pages import ROOT

PAGES = [ROOT / "docs" / f"coming_from_{system}.md" for system in ("ruvix", "theseus")]
QUOTED = re.compile(r"`([^`]+)`")
NAME = re.compile(r"(?:(\w*)\.)?(\w+)(?:\((.*)\))?")
KEYWORD = re.compile(r"(\w+)=\w*")
PYTHON = {"with", "int", "iter", "uctypes", "write", "i"}
"""What is quoted in that column and is not ours."""


@pytest.fixture(scope="module")
def things():
    """Yield {the name that the pages give it: an object of each class}."""
    with mock.patch.dict(sys.modules):  # other tests may have imported some of physmem's modules again
        physmem = fresh_physmem()
        new_frames = importlib.import_module("physmem_frames").new_frames
        region = physmem.Region("r", 0x1000_0000, 16 * 4096)
        yield {
            "physmem": physmem,
            "allocator": physmem.BuddyAllocator(0x1000_0000, 8),
            "addr": physmem.PhysAddr(0),
            "order": physmem.PageOrder(0),
            "frame": physmem.PageFrame(0, 0),
            "stats": physmem.AllocatorStats(1, 1),
            "error": physmem.PhysMemError("NotAllocated", ""),
            "frames": new_frames(region, region.alloc(1), 1, None, 0),
            "action": physmem.DeferredAllocAction(),
            "range": physmem.FrameRange(0, 1),
            "region": region,
            "description": physmem.PhysicalMemoryRegion.of(region),
        }


def ours(page):
    """Return what is quoted in the second column of the tables of *page*."""
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [token for row in rows for token in QUOTED.findall(row[2])]


def unknown(token, things):
    """Return what of *token* the library does not have, as a sentence; "" if it has all."""
    keyword = KEYWORD.fullmatch(token)
    if keyword:
        calls = (physmem.allocate_frames, physmem.BuddyAllocator)
        takes = any(keyword[1] in inspect.signature(call).parameters for call in calls)
        return "" if takes else f"{token}: no such argument"
    match = NAME.fullmatch(token)
    if not match or match[2] in PYTHON:
        return "" if token[0] in "(+-" or match else f"{token}: not a name"
    thing, name, arguments = match.groups()
    owners = [things["error"]] if thing == "" else [things["physmem"], things["frames"]]
    if thing:
        if thing not in things:
            return f"{token}: there is no {thing}"
        owners = [things[thing]]
    found = [getattr(owner, name) for owner in owners if hasattr(owner, name)]
    if not found:
        return f"{token}: there is no {name}"
    given = re.findall(r"(\w+)=", arguments or "")
    if [argument for argument in given if argument not in inspect.signature(found[0]).parameters]:
        return f"{token}: not its arguments"
    return "" if arguments is None or callable(found[0]) else f"{token}: cannot be called"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_tables_name_is_there(page, things):
    tokens = ours(page)
    assert len(tokens) > 40
    assert [why for why in (unknown(token, things) for token in tokens) if why] == []


CASES = {
    "physmem.allocate_frames(n)": "",
    "physmem.allocate_frames_at(addr, n, unknown=True)": "",
    "frames.addr": "",
    "free()": "",
    "require=": "",
    "stats=True": "",
    ".code": "",
    "(first, count)": "",
    "int(addr)": "",
    "physmem.allocate_pages(n)": "there is no allocate_pages",
    "physmem.allocate_frames_at(addr, n, known=True)": "not its arguments",
    "frames.addr()": "cannot be called",
    "pages.addr": "there is no pages",
    "drop()": "there is no drop",
    "needs=": "no such argument",
    "a b": "not a name",
}


@pytest.mark.parametrize("token", CASES)
def test_names_that_are_not_there_are_noticed(token, things):
    why = unknown(token, things)
    assert why.endswith(CASES[token]) and bool(why) == bool(CASES[token]), why


def of(things, *names):
    """Return ``name.attribute`` for each public attribute of the classes of these things."""
    public = [(name, attribute) for name in names for attribute in dir(type(things[name])) if attribute[0] != "_"]
    return {f"{name}.{attribute}" for name, attribute in public}


def test_no_name_is_left_out(things):
    """Each of the two systems' words is in the table of its page: names of the module, and methods of the classes."""
    ruvix, theseus = ({token.partition("(")[0] for token in ours(page)} for page in PAGES)
    of_theseus = {"FrameRange", "PhysicalMemoryRegion", "MemoryRegionType", "AllocatedFrame"}
    assert {f"physmem.{name}" for name in set(public_names.VOCABULARY) - of_theseus} - ruvix == set()
    assert of(things, "allocator", "addr", "order", "frame", "stats") - ruvix == set()
    assert {f"physmem.{name}" for name in of_theseus} - theseus == set()
    assert of(things, "range", "description") - theseus == set()
