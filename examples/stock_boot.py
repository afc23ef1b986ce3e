"""boot.py for a stock Pico or Pico 2: 96 KiB of SRAM for physmem, before anything else uses them."""

import physmem_claim

physmem_claim.boot(96 * 1024)
