"""The memory plans of all boards: what they say of the memory, and what requests make of that.

Each runner tests the plans of all boards, its own among them. A slow one makes the requests to its own and to a third
of the others. chip_facts.py has what the makers' documents say; plan_model.py says where a request must land.
"""

from chip_facts import REACH, is_cached, reaches
from memory_plans import PLANS
from plan_model import Plan, request
from random_numbers import RandomNumbers
from support import IS_SLOW, sample, scaled

TIMEOUT = 300

ASKED = PLANS
if IS_SLOW:
    from physmem_board import NAME

    ASKED = sample([plan for plan in PLANS if plan["board"] != NAME], 3)
    ASKED += [plan for plan in PLANS if plan["board"] == NAME]


def test_attributes_say_which_bus_master_reaches_what():
    """In each region, and in each OCCUPIED block that has attributes: DMA, and each bus master that the plan names."""
    checked = 0
    for plan in PLANS:
        chip = plan["chip"]
        assert chip in REACH, "chip_facts.py has no facts about %s, the chip of %s" % (chip, plan["board"])
        assert plan["regions"], plan["board"]
        for name, base, size, attributes in memory(plan):
            for master in ("DMA",) + plan["masters"]:
                assert master in REACH[chip], "chip_facts.py does not say what %s reaches on %s" % (master, chip)
                if base is None or reaches(chip, master, base, base + size) is None:
                    continue
                found = reaches(chip, master, base, base + size)
                assert (master in attributes.split()) == found, (plan["board"], name, master, found)
                checked += 1
    assert checked > len(PLANS)


def test_attributes_say_what_the_data_cache_is_in_front_of():
    for plan in PLANS:
        for name, base, size, attributes in memory(plan):
            if base is not None:
                found = is_cached(plan["board"], plan["chip"], base, base + size)
                assert ("CACHED" in attributes.split()) == found, (plan["board"], name, found)


def memory(plan):
    """Return ``(name, base, size, attributes)`` of each part of a plan that has attributes."""
    regions = [(name, base, size, attributes) for name, base, size, _, attributes in plan["regions"]]
    return regions + [block for block in plan["occupied"] if len(block) == 4]


def test_nothing_overlaps():
    """Regions, OCCUPIED blocks and records share no memory, so that each region keeps all of its frames."""
    for entry in PLANS:
        plan = Plan(entry)
        ranges = sorted([(region.base, region.end) for region in plan.regions] + plan.blocks)
        for i in range(1, len(ranges)):
            assert ranges[i - 1][1] <= ranges[i][0], (plan.board, ranges[i - 1], ranges[i])
        plan.expect_counts(plan.boot())


def test_bus_masters_are_attributes():
    """Behind those of every board, in the order of the plan, and on no board whose plan does not name them."""
    for entry in PLANS:
        plan = Plan(entry)
        physmem = plan.boot()
        assert physmem.ATTRIBUTES[7:] == plan.BUS_MASTERS
        for i, word in enumerate(plan.BUS_MASTERS):
            assert getattr(physmem, word) == 128 << i
        for other in PLANS:
            for word in other["masters"]:
                if word not in plan.BUS_MASTERS:
                    assert not hasattr(physmem, word)
                    try:
                        physmem.allocate_frames(1, require=word)
                        raise AssertionError(plan.board, word)
                    except physmem.PhysMemError as error:
                        assert error.code == "InvalidArgument" and word in str(error) and "RETAINED" in str(error)
        for region in plan.regions:
            bits = physmem.region(region.name).attrs
            words = [word for i, word in enumerate(physmem.ATTRIBUTES) if (bits >> i) & 1]
            assert sorted(words) == sorted(region.attributes)


def test_every_mixture_of_words():
    """Each of require, prefer and forbid is nothing or one word of the plan, and require also DMA with another word.

    A request takes all that is left of a region, so that the next one goes to the next region.
    """
    cases = granted = 0
    for number, entry in enumerate(ASKED):
        plan = Plan(entry)
        physmem = plan.boot()
        single = [()] + [(word,) for word in plan.words]
        for require in single + [("DMA", word) for word in plan.words if word != "DMA"]:
            for prefer in single:
                for forbid in single:
                    cases += 1
                    if (cases + number) % scaled(1, 11, 41):
                        continue
                    granted += use_up(physmem, plan, require, prefer, forbid, cases % 2)
        plan.expect_counts(physmem)
    assert granted > len(ASKED) * scaled(100, 10, 3)


def use_up(physmem, plan, require, prefer, forbid, as_text):
    """Make a request until no region is left for it, free everything, and return how often it was granted."""
    taken = []
    while True:
        # One frame, to see where it lands, and then the rest of that region.
        frames = request(physmem, plan, "allocate_frames", 1, None, (0, 0, 0, None), require, prefer, forbid, as_text)
        if frames is None:
            break
        taken.append(frames)
        region = plan.region(frames.region.name)
        rest = region.free_frames
        taken.append(physmem.allocate_frames(rest, region=region.name))
        plan.expect_right(taken[-1], (), ())
    granted = len(taken) // 2
    assert granted == len(plan.in_order(require, prefer, forbid)) or [
        word for word in forbid if word in require + prefer
    ]
    for frames in taken:
        plan.release(frames)
    return granted


def test_random_requests():
    """Seeded sequences of requests of every kind, with constraints and words, while the memory fills up."""
    numbers = RandomNumbers(143)
    granted = refused = 0
    for entry in ASKED:
        plan = Plan(entry)
        physmem = plan.boot()
        live = []
        for _ in range(scaled(400, 50, 20)):
            if live and (numbers.below(3) == 0 or len(live) > 30):
                plan.release(live.pop(numbers.below(len(live))))
                continue
            made = random_request(physmem, plan, numbers)
            if made:
                live.extend(made)
                granted += 1
            else:
                refused += 1
        plan.expect_counts(physmem)
        for frames in live:
            plan.release(frames)
        plan.expect_counts(physmem)
    assert granted > len(ASKED) * scaled(100, 10, 4) and refused > len(ASKED)


def random_words(plan, numbers, most):
    """Return up to so many words of the plan."""
    words = plan.words
    found = []
    for _ in range(numbers.below(most + 1)):
        word = numbers.choice(words)
        if word not in found:
            found.append(word)
    return tuple(found)


def random_request(physmem, plan, numbers):
    """Make a request of some kind and check it. Return the list of what it made; empty if it was refused."""
    region = numbers.choice(plan.regions)
    frame_size = region.frame_size
    n = 1 + numbers.below(min(region.frames, 1 << numbers.below(12)))
    require, prefer = random_words(plan, numbers, 2), random_words(plan, numbers, 2)
    forbid = random_words(plan, numbers, 1)
    if numbers.below(8):  # seldom a contradiction
        forbid = tuple([word for word in forbid if word not in require + prefer])
    kind = numbers.below(8)
    if kind == 0:
        return ring(physmem, plan, 32 << numbers.below(10))
    if kind == 1:
        return scattered(physmem, plan, n, require, prefer, forbid)
    align = numbers.choice((0, 0, 32, frame_size << numbers.below(6)))
    boundary = numbers.choice((0, 0, 0, frame_size << numbers.below(9)))
    low, high = 0, None
    if numbers.below(4) == 0:
        low = region.base + numbers.below(region.frames) * frame_size + numbers.below(frame_size)
    if numbers.below(4) == 0:
        high = region.base + numbers.below(region.frames) * frame_size + numbers.below(frame_size)
        if high <= low:
            high = None
    constraints = (align, boundary, low, high)
    words = (require, prefer, forbid, numbers.below(2))
    if kind < 4:
        nbytes = n * frame_size - numbers.below(frame_size)
        frames = request(physmem, plan, "allocate_frames_by_bytes", None, nbytes, constraints, *words)
    elif kind == 4:
        frames = request(physmem, plan, "allocate_frames_deferred", n, None, constraints, *words)
    else:
        frames = request(physmem, plan, "allocate_frames", n, None, constraints, *words)
    return [frames] if frames else []


def ring(physmem, plan, nbytes):
    """Ask for a ring, which is a request that requires DMA and prefers FAST, aligned to its size."""
    expected = plan.expected(None, nbytes, (nbytes, 0, 0, None), ("DMA",), ("FAST",), ())
    try:
        frames = physmem.dma_ring(nbytes)
    except MemoryError:
        assert expected is None, (plan.board, nbytes)
        return []
    assert expected and (frames.region.name, frames.first, frames.count) == (expected[0].name,) + expected[1:]
    plan.expect_right(frames, ("DMA",), (), (nbytes, 0, 0, None))
    return [frames]


def scattered(physmem, plan, n, require, prefer, forbid):
    """Ask for frames in pieces: all in the first region, by the rule, that has as many free."""
    keywords = {"require": " ".join(require), "prefer": " ".join(prefer), "forbid": " ".join(forbid)}
    ordered = plan.in_order(require, prefer, forbid)
    able = [region for region in ordered if region.free_frames >= n]
    try:
        pieces = physmem.allocate_scattered(n, **keywords)
    except MemoryError:
        assert ordered and not able, (plan.board, n, keywords)
        return []
    except physmem.PhysMemError as error:
        assert error.code == "InvalidArgument", error
        assert not ordered or [word for word in forbid if word in require + prefer]
        return []
    assert sum([frames.count for frames in pieces]) == n
    for frames in pieces:
        assert frames.region.name == able[0].name, (plan.board, n, keywords)
        plan.expect_right(frames, require, forbid)
    return pieces
