"""Make the folder that MicroPython's manifests `require`: a manifest.py with the version, and the modules it names.

`thumb` has the modules that scripts/expand_thumb.py makes for ARM, `other` what other machines have instead.
"""

import shutil

from layers import ROOT
from packages.contents import EVERYTHING
from packages.modules import EXPANDED, source_of
from packages.version import version

TEMPLATE = ROOT / "firmware" / "manifest_package.py"
FOLDERS = {
    "modules": [module for module in EVERYTHING if module not in EXPANDED],
    "thumb": EXPANDED,
    "other": [module for module in EXPANDED if module != "physmem_thumb"],
}


def write_manifest(folder, thumb):
    """Write the modules and manifest.py into *folder*, and nothing else. *thumb* is what expand_thumb.py wrote."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, modules in FOLDERS.items():
        (folder / name).mkdir(parents=True)
        for module in modules:
            shutil.copyfile(source_of(module, thumb, name == "thumb"), folder / name / f"{module}.py")
    (folder / "manifest.py").write_text(TEMPLATE.read_text().replace("VERSION", version()))
