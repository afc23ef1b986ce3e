"""The pages that people wrote, README.md and docs/, as sources of the site."""

import posixpath
import re
import shutil

from layers import ROOT

GUIDE = ROOT / "docs"
README = "readme"
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^):]+)\)")
_GROUP = re.compile(r"\| \*\*(.+)\*\* \|")
_LISTED = re.compile(r"\]\(docs/(\w+)\.md\)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^):]+)\)")


def _text_of(label, path):
    """Return what stands for a link to a file that the site does not have."""
    return f"`{path}`" if label.strip("`") in (path, posixpath.basename(path)) else f"{label} (`{path}`)"


def linked(text, folder):
    """Return the Markdown *text* of a page in *folder*, with its links to pages of the site, and others as text."""

    def change(found):
        label, target = found.groups()
        path, mark, anchor = target.partition("#")
        if not path:
            return found[0]
        full = posixpath.normpath(posixpath.join(folder, path))
        if full == "README.md":
            return f"[{label}]({README}.md{mark}{anchor})"
        if posixpath.dirname(full) == GUIDE.name and full.endswith(".md"):
            return f"[{label}]({posixpath.basename(full)}{mark}{anchor})"
        return _text_of(label, full)

    return _LINK.sub(change, text)


def _copy_pictures(text, beside, folder):
    """Copy the pictures that the Markdown *text* of a page shows. The page is *beside* them and will be in *folder*."""
    for picture in _PICTURE.findall(text):
        if (beside / picture).exists():  # otherwise Sphinx says which page lacks it
            (folder / picture).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(beside / picture, folder / picture)


def groups():
    """Return {a heading in README's table of pages: the names of the pages below it}."""
    found = {}
    for line in (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Pages\n")[2].splitlines():
        if line.startswith("## "):
            break
        if heading := _GROUP.match(line):
            names = found[heading[1]] = []
        elif found:
            names += _LISTED.findall(line)
    return found


def write_guide(folder):
    """Write the pages, and their pictures, into *folder*."""
    for path in (ROOT / "README.md", *sorted(GUIDE.glob("*.md"))):
        name = README if path.parent == ROOT else path.stem
        text = path.read_text(encoding="utf-8")
        _copy_pictures(text, path.parent, folder)
        (folder / f"{name}.md").write_text(linked(text, "" if path.parent == ROOT else GUIDE.name), encoding="utf-8")
