"""The assembler that is frozen into firmware has the layout of a state that the engine has, in bytes, and consists of
what the rooms say; the engine there lacks the assembler's twins, and nothing else."""

import ast
import re

import expand_thumb
import physmem_engine
import physmem_state
import pytest
import thumb_rooms
from emulated_board import ROOT

LIBRARY = ROOT / "lib"
FOLDER = ROOT / "firmware" / "thumb"
THUMB = (LIBRARY / "physmem_thumb.py").read_text()
ENGINE = (LIBRARY / "physmem_engine.py").read_text()
CONSTANTS = expand_thumb.constants(expand_thumb.with_layout(THUMB, ENGINE))
LONGEST_FUNCTION = 150


def expanded():
    """Return the source of physmem_thumb that is frozen, and its listing."""
    return expand_thumb.with_rooms(expand_thumb.with_layout(THUMB, ENGINE), FOLDER)


def assembler(source):
    """Return {name: [its statements]} of the assembler functions in a source."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    nodes = [node for node in nodes if "asm_thumb" in "".join(map(ast.unparse, node.decorator_list))]
    return {node.name: list(map(ast.unparse, node.body)) for node in nodes}


def rooms_of(folder, **files):
    """Return the Rooms of files with these sources, made in that folder."""
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    return thumb_rooms.Rooms(folder)


def put_together(folder, source, constants=()):
    """Return the statements of the one assembler function of a file with that source."""
    rooms = rooms_of(folder, rooms=source)
    (function,) = rooms.assembled()
    lines = rooms.lines(function, constants)
    return assembler(thumb_rooms.source(function, lines))[function.name]


HEAD = "@micropython.asm_thumb\ndef f(r0):\n"


def test_the_layout_is_that_of_the_engine():
    """Each word of a state is there, at four times its number, and nothing else is changed or missing."""
    source = expand_thumb.with_layout(THUMB, ENGINE)
    words = {name: value for name, value in vars(physmem_state).items() if name.startswith("STATE_")}
    assert len(words) > 8
    for name, number in words.items():
        assert CONSTANTS[name.removeprefix("STATE")] == 4 * number, name
    before, after = THUMB.split(expand_thumb.LAYOUT)
    assert source.startswith(before) and source.endswith(after)
    assert f"\nLAYOUT = {physmem_engine.LAYOUT}\n" in source


def test_every_constant_of_the_assembler_is_known():
    """The inline assembler knows no names but the constants of its own file."""
    source, _ = expanded()
    used = set(re.findall(r"\b_[A-Z][A-Z_]+\b", "\n".join(sum(assembler(source).values(), []))))
    assert len(used) > 10
    assert used <= set(CONSTANTS)


@pytest.mark.parametrize("mark", [expand_thumb.LAYOUT, expand_thumb.ROOMS])
def test_a_missing_mark_is_an_error(mark):
    """As are two of them."""
    for thumb in (THUMB.replace(mark, ""), THUMB + mark):
        with pytest.raises(ValueError, match=mark.strip()):
            expand_thumb.with_rooms(expand_thumb.with_layout(thumb, ENGINE), FOLDER)


def test_an_engine_without_words_is_an_error():
    with pytest.raises(ValueError, match="STATE_"):
        expand_thumb.with_layout(THUMB, "_STATE_FREE = 1\n")


def test_the_firmware_has_the_instructions_of_the_rooms_in_their_order():
    """Where the rooms of `serve` call no piece, their statements are in the expansion as they stand there."""
    source, _ = expanded()
    functions = assembler(source)
    assert list(functions) == [
        "serve",
        "count_failure",
        "flip_start",
        "hold",
        "let_go",
        "in_interrupt",
        "fill",
        "synchronize",
    ]
    rooms = thumb_rooms.Rooms(FOLDER)
    names = [ast.unparse(statement.value.func) for statement in rooms.functions["serve"].body]
    place = 0
    for name in names:
        body = [statement.value for statement in rooms.functions[name].body[1:]]
        own = [
            ast.unparse(call) for call in body if call.func.id in thumb_rooms.INSTRUCTIONS or call.func.id == "label"
        ]
        for statement in own:
            assert statement in functions["serve"][place:], f"{name}: {statement}"
            place = functions["serve"].index(statement, place) + 1
    assert place > len(functions["serve"]) - 10


def test_every_room_and_every_piece_is_used():
    rooms = thumb_rooms.Rooms(FOLDER)
    calls = [node for function in rooms.functions.values() for node in ast.walk(function) if isinstance(node, ast.Call)]
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert set(rooms.functions) - called == {function.name for function in rooms.assembled()}


def test_every_room_says_what_it_takes_and_is_short():
    for function in thumb_rooms.Rooms(FOLDER).functions.values():
        assert function.decorator_list or ast.get_docstring(function), function.name
        assert function.end_lineno - function.lineno < LONGEST_FUNCTION, function.name


def test_each_line_of_the_assembler_says_where_it_comes_from():
    """The room's file and line, also for what a piece has put in."""
    source, _ = expanded()
    origins = re.findall(r"^    (\w+)\(.*\)  # (\w+\.py):(\d+)$", source, re.MULTILINE)
    assert len(origins) == sum(map(len, assembler(source).values())) > 1000
    for name, file, line in origins:
        text = (FOLDER / file).read_text().splitlines()[int(line) - 1].strip()
        assert text.startswith(f"{name}(") or name == "data" and text.split("(")[0] in thumb_rooms.SPECIAL


def test_a_piece_has_its_operands_and_labels_of_its_own(tmp_path):
    piece = "def twice(x, k):\n    '''Double.'''\n    label(_AGAIN)\n    lsl(x, x, 32 - k)\n    bne(_AGAIN)\n"
    assert put_together(tmp_path, HEAD + "    twice(r1, 4)\n    twice(r2, 30)\n" + piece) == [
        "label(AGAIN_1)",
        "lsl(r1, r1, 28)",
        "bne(AGAIN_1)",
        "label(AGAIN_2)",
        "lsl(r2, r2, 2)",
        "bne(AGAIN_2)",
    ]


def test_what_holds_at_a_label_is_for_the_proof_alone(tmp_path):
    """It is not a room, and becomes no instruction."""
    said = '@holds("A", "B")\ndef said(at):\n    at.nothing()\n'
    code = HEAD + "    label(A)\n    label(B)\n    bx(lr)\n"
    assert put_together(tmp_path, said + code) == put_together(tmp_path, code)
    rooms = rooms_of(tmp_path, rooms=said + code)
    assert list(rooms.points) == ["A", "B"] and list(rooms.functions) == ["f"]
    with pytest.raises(ValueError, match="rooms.py:5: B has two @holds"):
        rooms_of(tmp_path, rooms=said + '@holds("B")\ndef other(at):\n    at.nothing()\n' + code)


def test_what_holds_is_said_of_labels_that_there_are():
    rooms = thumb_rooms.Rooms(FOLDER)
    labels = {line.split(":")[0].split()[-1] for line in expanded()[1].splitlines() if line.endswith(":")}
    assert rooms.points and set(rooms.points) <= labels


def test_a_piece_may_contain_a_piece(tmp_path):
    pieces = "def inner(a, b):\n    mov(a, b)\n\n\ndef outer(b):\n    inner(r7, b)\n    inner(b, r0)\n"
    assert put_together(tmp_path, HEAD + "    outer(r3)\n" + pieces) == ["mov(r7, r3)", "mov(r3, r0)"]


@pytest.mark.parametrize(
    "call, halves",
    [
        # Arm DDI 0419, chapter A6.7: the encodings of Armv6-M.
        ("read_primask(r7)", (0xF3EF, 0x8710)),
        ("read_ipsr(r6)", (0xF3EF, 0x8605)),
        ("barrier()", (0xF3BF, 0x8F5F)),
        ("complete_accesses()", (0xF3BF, 0x8F4F)),
        ("fetch_again()", (0xF3BF, 0x8F6F)),
        ("load_next(r6, r3)", (0b11001_011_01000000,)),
        ("store_four(r0)", (0b11000_000_01111000,)),
        ("load_spilled(r5, 2)", (0b10011_101_00000010,)),
        ("spill(r7, 0)", (0b10010_111_00000000,)),
        ("drop(5)", (0b10110000_0_0000101,)),
        ("stack_pointer(r3)", (0b01000110_0_1101_011,)),
        ("add_high(r4, r14)", (0b01000100_0_1110_100,)),
        ("jump_by(r3)", (0b01000100_1_0011_111,)),
        ("jump_to(r12)", (0b01000110_1_1100_111,)),
    ],
)
def test_instructions_that_the_inline_assembler_does_not_know_are_data(tmp_path, call, halves):
    assert put_together(tmp_path, f"{HEAD}    {call}\n") == [f"data(2, {', '.join(map(str, halves))})"]


def test_each_of_these_instructions_has_its_encoding_checked():
    checked = {
        call.split("(")[0]
        for mark in test_instructions_that_the_inline_assembler_does_not_know_are_data.pytestmark
        for call, _ in mark.args[1]
    }
    assert checked == set(thumb_rooms.SPECIAL)


@pytest.mark.parametrize(
    "body, sentence",
    [
        ("    mvo(r1, r2)\n", r"rooms\.py:3: mvo is neither an instruction nor a piece: define it"),
        (
            "    mov(r1, 0)\n    label(A)\n    b(A)\n    label(A)\n",
            r"rooms\.py:6: the label A is used in rooms\.py:4 too",
        ),
        ("    ldr(r1, [r0, _FRAME])\n", r"rooms\.py:3: _FRAME is neither an offset of the layout nor a constant"),
        ("    b(A)\n", r"rooms\.py:3: f has no label A"),
        (
            "    beq(A)\n" + "    mov(r1, r1)\n" * 129 + "    label(A)\n",
            "beq does not reach A, which is 256 bytes away",
        ),
        (
            "    label(A)\n" + "    mov(r1, r1)\n" * 127 + "    bne(A)\n",
            "bne does not reach A, which is -258 bytes away",
        ),
        ("    b(A)\n" + "    mov(r1, r1)\n" * 1025 + "    label(A)\n", "b does not reach A, which is 2048 bytes away"),
        ("    r1 + r2\n", r"rooms\.py:3: r1 \+ r2 is not an instruction"),
        ("    spill(r1, r2)\n", r"rooms\.py:3: spill does not take r1, r2"),
        ("    drop()\n", r"rooms\.py:3: drop does not take nothing"),
        ("    jump_by(n)\n", r"rooms\.py:3: jump_by does not take n"),
        ("    p(r1)\n\n\ndef p():\n    mov(r1, r1)\n", r"rooms\.py:3: p takes 0 operands, not 1"),
        ("    p()\n\n\ndef p():\n    q()\n\n\ndef q():\n    p()\n", r"rooms\.py:11: p would contain itself"),
        ("    p()\n\n\ndef p():\n    p()\n", r"rooms\.py:7: p would contain itself"),
        ("    p()\n\n\ndef p():\n    nop()\n\n\ndef p():\n    nop()\n", r"rooms\.py:10: p is defined twice"),
    ],
)
def test_what_cannot_be_assembled_is_refused(tmp_path, body, sentence):
    with pytest.raises(ValueError, match=sentence):
        put_together(tmp_path, HEAD + body)


@pytest.mark.parametrize("branch, before, between", [("beq", 0, 128), ("b", 0, 1024), ("bcs", 126, 0), ("b", 1022, 0)])
def test_a_branch_reaches_as_far_as_its_operand_has_bits(tmp_path, branch, before, between):
    """8 bits and 11 bits, times two, from the branch plus 4."""
    nothing = "    mov(r1, r1)\n"
    ahead = f"    {branch}(A)\n" + nothing * between + "    label(A)\n"
    behind = "    label(A)\n" + nothing * before + f"    {branch}(A)\n"
    put_together(tmp_path, HEAD + (behind if before else ahead))


def test_a_constant_of_the_layout_stays_a_name(tmp_path):
    assert put_together(tmp_path, HEAD + "    ldr(r1, [r0, _FREE])\n", {"_FREE": 4}) == ["ldr(r1, [r0, _FREE])"]


def test_the_listing_has_addresses_and_distances(tmp_path):
    """The prologue has two bytes, `bl` four, data as many as it says, any other instruction two."""
    body = "    bl(A)\n    data(1, 5, 6)\n    data(2, 7, 8)\n    label(A)\n    and_(r1, r2)\n    bne(A)\n"
    rooms = rooms_of(tmp_path, rooms=HEAD + body)
    (function,) = rooms.assembled()
    assert thumb_rooms.listing(function, rooms.lines(function, {})).splitlines() == [
        "f: 16 bytes",
        "0002  rooms.py:3        bl A                                      -> 000c, +6 bytes",
        "0006  rooms.py:4        data 1, 5, 6",
        "0008  rooms.py:5        data 2, 7, 8",
        "",
        "000c  A:",
        "000c  rooms.py:7        and r1, r2",
        "000e  rooms.py:8        bne A                                     -> 000c, -6 bytes of 254",
    ]


def functions(source, decorator=""):
    """Return the names of the functions at the top of `source`: of all, or of those that `decorator` makes."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in found if decorator in "".join(map(ast.unparse, node.decorator_list))]


def test_the_engine_without_twins_lacks_what_only_they_are():
    """The twins are left out, and what only they call; the rest is as it was, and refers to none of them where Thumb
    code runs."""
    source = expand_thumb.without_twins(ENGINE)
    left_out = [name for name in functions(ENGINE) if name not in functions(source)]
    have_twins = assembler(expanded()[0]).keys() - {"synchronize"}
    assert sorted(left_out) == sorted([*have_twins, "_lowest"])
    assert [line for line in source.splitlines() if line not in ENGINE.splitlines()] == []
    tree = ast.parse(source)
    choices = [node for node in tree.body if isinstance(node, ast.If) and "physmem_thumb" in ast.unparse(node)]
    assert len(choices) == 1
    choices[0].orelse = []
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used.isdisjoint(left_out)


def test_missing_marks_of_the_twins_are_an_error():
    for engine in (ENGINE.replace("# END OF TWINS.", ""), ENGINE.replace("# TWINS: ", ""), "X = 1\n"):
        with pytest.raises(ValueError, match="TWINS"):
            expand_thumb.without_twins(engine)


def test_the_file_is_written_when_it_has_changed(tmp_path):
    """So that nothing is built again that is the same."""
    out = tmp_path / "thumb"
    expand_thumb.main(LIBRARY, FOLDER, out)
    target = out / "physmem_thumb.py"
    source, listing = expanded()
    assert target.read_text() == source
    assert (out / "listing.txt").read_text() == listing
    assert (out / "physmem_engine.py").read_text() == expand_thumb.without_twins(ENGINE)
    assert (out / "viper_engine.py").read_text() == ENGINE
    before = target.stat().st_mtime_ns
    expand_thumb.main(LIBRARY, FOLDER, out)
    assert target.stat().st_mtime_ns == before
    target.write_text("")
    expand_thumb.main(LIBRARY, FOLDER, out)
    assert target.read_text() == source
