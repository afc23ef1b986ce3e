# Frozen into the firmware of rp2 boards with PSRAM.
freeze(".", "physmem_boot_psram.py")
