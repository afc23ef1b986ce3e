"""Find the files whose sentences you may meet when you run a target of make, by reading the Makefile.

They are the programs in the recipes, and what those import or run of this project. A recipe of pytest with `--target`
runs tests_host/harness/target_tests.py.
"""

import ast
import functools
import re

from layers import ROOT

FOLDERS = ("scripts", "tests_host", "benchmarks")
"""Where the modules of the programs are."""
LEFT_OUT = {
    "benchmarks/": "it only measures, and says what has gone wrong with that",
    "tests_host/harness/runners.py": "a test has failed",
    "tests_host/harness/console.py": "a test has failed",
    "tests_host/harness/packaged_board.py": "a test has failed",
    "tests_host/harness/stock_board.py": "a test has failed",
    "scripts/browser_page/driver.py": "a picture or a test has failed",
}
"""Folders and files whose sentences are not for you, and what they say."""
ANY, INSTALLING, MANY = "any target", "any target that builds or installs", "many targets"
"""What you type, where it is not one target or a few."""
FEW = 5

_RULE = re.compile(r"^([^\s#:=][^:=]*):(?!=)([^\n]*)\n((?:\t[^\n]*\n)*)", re.MULTILINE)
_PROGRAM = re.compile(r"(?<![\w/$)])(?:scripts|emulators)/[\w/]+\.(?:py|sh)")
_MODULE = re.compile(r"\$\(call module,[^)]*\)+ ([\w.]+)")
_TARGETS_OF_TESTS = re.compile(r"\$\(PYTEST\).*--target=")


def _file_of(module):
    """Return the path of that *module* of the project, relative to ROOT; None if it has none."""
    paths = [f"{folder}/{module.replace('.', '/')}.py" for folder in FOLDERS]
    return next((path for path in paths if (ROOT / path).exists()), None)


def _programs(recipe):
    """Return the files that the *recipe* runs."""
    modules = [_file_of(module) for module in _MODULE.findall(recipe)]
    tests = ["tests_host/harness/target_tests.py"] if _TARGETS_OF_TESTS.search(recipe) else []
    return _PROGRAM.findall(recipe) + modules + tests


@functools.cache
def _imported(path):
    """Return the files of the project that the one at *path* imports, wherever in it, or runs by name."""
    text = (ROOT / path).read_text()
    if path.endswith(".sh"):
        folder = path.rpartition("/")[0]
        found = [f"{folder}/{name}" for name in re.findall(r"[\w-]+\.(?:sh|py)\b", text)] + _PROGRAM.findall(text)
        return {name for name in found if (ROOT / name).exists()}
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and str(node.value).endswith(".py"):
            names.append(f"programs.{node.value.removesuffix('.py')}")
    return {path for path in map(_file_of, names) if path}


def _reached(path, seen):
    """Add to the set *seen* the file at *path* and what it imports."""
    if path not in seen and not path.startswith(tuple(LEFT_OUT)):
        seen.add(path)
        for imported in _imported(path):
            _reached(imported, seen)


def files(makefile):
    """Return {file: what you type to meet its sentences} for the text of a *makefile*: first what holds for more."""
    targets = {}
    for name, needs, recipe in _RULE.findall(makefile.replace("\\\n", " ")):
        reached = set()
        for path in _programs(recipe):
            _reached(path, reached)
        for path in sorted(reached):
            targets.setdefault(path, []).append(f"make {name.strip()}" if "## " in needs else INSTALLING)
    typed = {"Makefile": ANY}
    for path, names in targets.items():
        names = list(dict.fromkeys(names))
        typed[path] = INSTALLING if INSTALLING in names else ", ".join(names) if len(names) <= FEW else MANY
    order = [ANY, INSTALLING, MANY, *dict.fromkeys(typed.values())]
    return dict(sorted(typed.items(), key=lambda item: (order.index(item[1]), item[0])))
