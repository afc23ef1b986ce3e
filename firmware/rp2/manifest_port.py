# What there is of ports/rp2/boards/manifest.py in a tree without micropython-lib.
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
