# Frozen into the firmware of rp2 boards with PSRAM.
include("manifest.py")
freeze(".", "physmem_boot_psram.py")
