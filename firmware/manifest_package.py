"""physmem, for a firmware that you build. In the manifest of your board:

    add_library("physmem", ".../freeze")    # the folder that has the folder physmem of this file
    require("physmem", thumb=True)          # thumb=True is for ARM
    module("physmem_board.py")              # your memory plan

On other machines leave `thumb` out.
"""

import os

metadata(
    description="Physical memory frame allocator: contiguous, aligned, by kind of memory",
    version="VERSION",
    license="MIT",
    author="physmem maintainers",
)
options.defaults(thumb=False)

for folder in ("modules", "thumb" if options.thumb else "other"):
    for name in sorted(os.listdir(folder)):
        module(name, folder)
