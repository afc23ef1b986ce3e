"""The early phase: the pools come into being, nothing allocates until boot_complete().

Frozen into every firmware and run by boot_stage.c before the REPL. The heap is locked between the two calls; whatever a
board adds there belongs into ``try`` with the second call in its ``finally``.
"""

import physmem

physmem.boot()
physmem.boot_complete()
