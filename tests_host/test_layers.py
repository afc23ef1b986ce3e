"""The layers of lib/: what scripts/layers.py refuses, and that docs/architecture.svg is of today's imports."""

import ast

import pytest

import architecture
import layers


def test_the_library_keeps_its_layers():
    assert layers.faults(layers.library()) == []


def test_every_module_is_in_one_layer():
    assert len(layers.ORDER) == len(set(layers.ORDER))
    assert set(layers.library()) | {"physmem_board"} == set(layers.ORDER)


FAULTS = {
    "upwards": ("physmem_region", "import physmem_system"),
    "the same layer, the other way": ("physmem_system", "from physmem_allocate import dma_ring"),
    "itself": ("physmem_frames", "import physmem_frames"),
    "the engine reads the board": ("physmem_engine", "def f():\n    import physmem_debug"),
    "inside a function": ("physmem_allocate", "def f():\n    from physmem_frames import new_frames"),
    "on first use, upwards": ("physmem_frames", "def f():\n    return load('physmem_find', 'find()').find()"),
    "a part of another module": ("physmem_frames", "def f():\n    load('physmem_setup', 'f()')"),
    "a part, at the top": ("physmem_region", "import physmem_upkeep"),
    "a private name of another whole": ("physmem_setup", "import physmem_region\nphysmem_region._wrapped"),
    "the vocabulary at the top": ("physmem_frames", "import physmem_range"),
    "a private name as text": ("physmem_system", "def f(frames):\n    setattr(frames, '_held', None)"),
    "a private name by import": ("physmem_allocate", "from physmem_system import _regions"),
    "a private name of a module": ("physmem_allocate", "import physmem_system\nphysmem_system._regions.clear()"),
    "a private name of an object": ("physmem_low", "def f(region):\n    return region._state"),
    "a name of another module is replaced": ("physmem_debug", "import physmem_system\nphysmem_system.check = None"),
    "a name of another module is deleted": ("physmem_debug", "import physmem_system\ndel physmem_system.check"),
    "a module in no layer": ("physmem_new", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault):
    module, source = FAULTS[fault]
    found = layers.faults({module: source})
    assert len(found) == 1 and f"lib/{module}.py" in found[0]


SOUND = {
    "downwards": ("physmem_system", "import physmem_region\nfrom physmem_engine import raw_calls"),
    "further on in the same layer": ("physmem_allocate", "import physmem_system"),
    "the vocabulary on first use": ("physmem_frames", "def f():\n    from physmem_range import FrameRange"),
    "the vocabulary by name": ("physmem", "def f():\n    return __import__('physmem_buddy')"),
    "on first use": ("physmem", "def f():\n    return __load__('physmem_find', 'find()').find()"),
    "a part on first use": ("physmem_region", "def f():\n    errors.load('physmem_upkeep', 'f()')"),
    "a part uses its whole": ("physmem_upkeep", "import physmem_region\nphysmem_region._wrapped = {}"),
    "a private name of its own": ("physmem_region", "class A:\n    def f(self, b):\n        self._c = b._c"),
}


@pytest.mark.parametrize("case", SOUND)
def test_what_is_allowed_is_not_refused(case):
    module, source = SOUND[case]
    assert layers.faults({module: source}) == []


def test_the_readme_names_each_module():
    readme = (layers.ROOT / "README.md").read_text()
    assert [module for module in layers.ORDER if f"`{module}`" not in readme] == []


def test_the_picture_is_of_the_imports():
    assert architecture.difference() is None


def test_a_picture_of_other_imports_is_refused(tmp_path, monkeypatch):
    svg = architecture.PICTURE.read_text()
    edge = sorted(architecture.edges_of_picture(svg))[0]
    picture = tmp_path / "architecture.svg"
    picture.write_text(svg.replace(f"<title>{edge[0]}&#45;&gt;{edge[1]}</title>", "<title>x&#45;&gt;y</title>"))
    monkeypatch.setattr(architecture, "PICTURE", picture)
    assert f"{edge[0]} -> {edge[1]}" in architecture.difference() and "x -> y" in architecture.difference()


def test_an_implied_edge_is_not_drawn():
    edges = {("a", "b"), ("b", "c"), ("a", "c"), ("b", "d"), ("a", "e")}
    assert architecture.reduced(edges) == edges - {("a", "c")}


def test_imports_inside_functions_are_seen():
    tree = ast.parse("import physmem_errors\nclass A:\n    def f(self):\n        import physmem_range\n")
    assert [(name, inside) for _, name, inside in layers.imports(tree)] == [
        ("physmem_errors", False),
        ("physmem_range", True),
    ]
