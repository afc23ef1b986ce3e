"""Run the early phase: boot() makes the pools, and nothing allocates until boot_complete().

This module is frozen into every firmware, and boot_stage.c runs it before the REPL; on boards with PSRAM it runs
rp2/physmem_boot_psram.py instead. The heap is locked between the two calls. If your board adds code there, put it
inside ``try``, with the second call in its ``finally``.
"""

import physmem

physmem.boot()
physmem.boot_complete()
