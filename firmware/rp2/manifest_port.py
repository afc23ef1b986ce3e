# The part of ports/rp2/boards/manifest.py that exists in a tree without micropython-lib.
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
