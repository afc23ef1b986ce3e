# Frozen into the firmware of boards with Thumb code.
include("manifest.py")
freeze("../lib", "physmem_thumb.py")
