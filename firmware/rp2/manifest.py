# Frozen into the firmware of the rp2 boards: what physmem needs, and what the port's own firmware contains.
include("../manifest_thumb.py")
include("$(PHYSMEM_PORT_MANIFEST)")
