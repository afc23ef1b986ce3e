"""The wrong calls of tests_target/wrong_arguments.py, of which test_wrong_arguments.py checks what they say."""

import wrong_arguments as wrong
from provocations.provocation import refused
from support import without_a_system
from test_wrong_arguments import RAW_CALLS, World

RAISING = (wrong.TYPE, wrong.VALUE, wrong.FULL, wrong.MANY)


def rows():
    world = World()
    yield from _of_tables(world, wrong.REQUESTS + wrong.SYSTEM + wrong.REGION + wrong.OBJECTS + wrong.VOCABULARY)
    raw_calls = [entry for entry in wrong.REGION if entry[0].rpartition(".")[2] in RAW_CALLS]
    p = world.physmem
    world.own = p.Region("shared", wrong.FAR_AT, 64 * wrong.PAGE, attrs=p.SHARED)
    p.on_low(world.own, 2, world.write)
    yield from _of_tables(world, raw_calls)
    world.own = p.add_region("tiers", wrong.PAGES_AT, 64 * wrong.PAGE)
    p.debug(owners=True)
    yield from _of_tables(world, raw_calls)
    world = World()
    world.start_over()
    yield from _of_tables(world, wrong.START, without_a_system)


def _of_tables(world, entries, start=lambda: None):
    for call, specification in entries:
        function = world.find(call)
        parameters = wrong.parameters(specification)
        tried = set()
        for name, value, refusal in wrong.wrong_calls(world.kinds, call, parameters):
            if refusal in RAISING and (refusal != wrong.TYPE or name not in tried):
                tried.add(name)
                start()
                arguments, keywords = wrong.wrong_arguments_of(world.kinds, parameters, name, value)
                yield refused(function, *arguments, **keywords, says=())
        world.close()
