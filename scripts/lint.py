"""Run the checks of `make lint`: all of them, or those that are named; --fix has them correct what they can.

CHECKS is the one list. Git's hooks, in .pre-commit-config.yaml, are written from it and checked against it.
"""

import argparse
import collections
import fnmatch
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = pathlib.Path(sys.prefix)  # the virtual environment of requirements_lint.txt, with npm's packages beside it
HOOKS = ROOT / ".pre-commit-config.yaml"
NOT_OURS = ("LICENSE",)
SCRIPT = pathlib.Path(__file__).relative_to(ROOT)


def project_files():
    """Return the names of the project's own files, those that git does not know yet included."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        names = listed.stdout.split("\0")
    except (FileNotFoundError, subprocess.CalledProcessError):  # no git, or an unpacked archive
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in ("build", ".git") and "cache" not in name]
            names += [str(pathlib.Path(folder, name).relative_to(ROOT)) for name in files]
    return sorted(name for name in set(names) if name not in NOT_OURS and (ROOT / name).is_file())


def succeeds(command, patterns):
    """Run *command*, a function or a command line for the files that match *patterns*; return whether it succeeded."""
    if callable(command):
        return command()
    arguments = shlex.split(command)
    if patterns is not None:
        names = [name for name in project_files() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
        if not names:
            print(f"no file matches {' '.join(patterns)}")
            return False
        arguments += names
    path = os.pathsep.join([str(TOOLS / "bin"), str(TOOLS.parent / "node_modules" / ".bin"), os.environ["PATH"]])
    return subprocess.run(arguments, cwd=ROOT, env={**os.environ, "PATH": path}).returncode == 0


def hooks():
    """Return what belongs in .pre-commit-config.yaml: a hook for each check, which needs nothing but this checkout."""
    lines = [
        f"# Written from the list in {SCRIPT} by `make format`; `make hooks` installs it.",
        "repos:",
        "  - repo: local",
        "    hooks:",
    ]
    for name in CHECKS:
        lines += [
            f"      - id: {name}",
            f"        name: {name}",
            f"        entry: build/lint/venv/bin/python {SCRIPT} {name}",
            "        language: system",
            "        always_run: true",
            "        pass_filenames: false",
        ]
    return "\n".join(lines) + "\n"


def hooks_are_checks():
    if HOOKS.read_text() == hooks():
        return True
    print(f"{HOOKS.name} is not what {SCRIPT} makes of its list: run make format.")
    return False


def write_hooks():
    HOOKS.write_text(hooks())
    return True


# A check is a command or a function, has patterns of the files that the command gets if it needs any, and may have a
# command or a function that corrects them.
Check = collections.namedtuple("Check", "run files fix", defaults=(None, None))
CHECKS = {
    "ruff": Check("ruff check .", fix="ruff check --fix ."),
    "ruff-format": Check("ruff format --check .", fix="ruff format ."),
    "native-code": Check("python scripts/check_native_code.py"),
    "layers": Check("python scripts/layers.py"),
    "spelling": Check("codespell --check-hidden", ["*"]),
    "words": Check("python scripts/check_words.py", ["*"]),
    "shellcheck": Check("shellcheck", ["*.sh", ".ci/run"]),
    "clang-format": Check("clang-format --dry-run --Werror", ["*.c", "*.h"], "clang-format -i"),
    "biome": Check(
        "biome check --error-on-warnings",
        ["*.mjs", "*.js", "*.css", "*package.json", "biome.json"],
        "biome check --write",
    ),
    "hooks": Check(hooks_are_checks, fix=write_hooks),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="CHECK", help=f"one of {', '.join(CHECKS)}")
    parser.add_argument("--fix", action="store_true", help="correct what the checks can correct")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in CHECKS]
    if unknown:
        parser.error(f"there is no check {unknown[0]}: give some of {', '.join(CHECKS)}")

    failed = []
    for name in options.names or CHECKS:
        check = CHECKS[name]
        if options.fix and not check.fix:
            continue
        print(f"-- {name}", flush=True)
        if not succeeds(check.fix if options.fix else check.run, check.files):
            failed.append(name)
    if failed:
        print(f"\nFailed: {' '.join(failed)}.", "" if options.fix else "`make format` corrects what can be corrected.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
