"""The version is the same wherever it stands."""

import ast
import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version():
    """Return physmem.__version__, read from its source without importing it."""
    for node in ast.parse((ROOT / "lib" / "physmem.py").read_text()).body:
        if isinstance(node, ast.Assign) and "__version__" in [ast.unparse(target) for target in node.targets]:
            return ast.literal_eval(node.value)
    return None


def changelog_versions():
    """Return (version, date) of each version in CHANGELOG.md, as it stands there from the top down."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    entries = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d|unreleased)", heading) for heading in headings]
    assert all(entries), headings
    return [entry.groups() for entry in entries]


def test_the_newest_version_of_the_changelog_is_that_of_physmem():
    assert changelog_versions()[0][0] == version()


def test_the_changelog_has_the_newest_version_first():
    """And only the newest may be unreleased."""
    entries = changelog_versions()
    numbers = [tuple(int(part) for part in number.split(".")) for number, _ in entries]
    assert numbers == sorted(set(numbers), reverse=True)
    assert "unreleased" not in [date for _, date in entries[1:]]


def test_a_version_in_pyproject_is_that_of_physmem():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text()).get("project", {})
    assert project.get("version", version()) == version()
