// The single-cycle I/O block as each core sees it (RP2040 datasheet 2.3.1): its own number, divider and interpolators,
// the FIFOs and spin locks between the cores, and the GPIO registers that they share.

import { Divider } from './divider.mjs';
import { Mailboxes } from './mailboxes.mjs';
import { RPSIO } from './rp2040js.mjs';
import { SpinLocks } from './spin_locks.mjs';

const CPUID = 0x00;
const FIFO_ST = 0x50;
const FIFO_WR = 0x54;
const FIFO_RD = 0x58;
const SPINLOCK_ST = 0x5c;
const INTERPOLATORS = 0x80;
const SPINLOCK0 = 0x100;

export class Sio {
  constructor(chip) {
    this.shared = chip.mcu.sio;
    this.interpolators = [this.shared, new RPSIO(chip.mcu)];
    this.dividers = [new Divider(), new Divider()];
    this.mailboxes = new Mailboxes(chip);
    this.spinLocks = new SpinLocks();
  }

  read(core, offset) {
    if (offset >= SPINLOCK0) return this.spinLocks.claim(core, (offset - SPINLOCK0) >>> 2);
    if (offset >= INTERPOLATORS) return this.interpolators[core.index].readUint32(offset);
    if (offset >= Divider.begin && offset < Divider.end) return this.dividers[core.index].read(offset);
    switch (offset) {
      case CPUID:
        return core.index;
      case FIFO_ST:
        return this.mailboxes.status(core);
      case FIFO_RD:
        return this.mailboxes.read(core);
      case FIFO_WR:
        return 0;
      case SPINLOCK_ST:
        return this.spinLocks.claimed;
      default:
        return this.shared.readUint32(offset);
    }
  }

  write(core, offset, value) {
    if (offset >= SPINLOCK0) this.spinLocks.release(core, (offset - SPINLOCK0) >>> 2);
    else if (offset >= INTERPOLATORS) this.interpolators[core.index].writeUint32(offset, value);
    else if (offset >= Divider.begin && offset < Divider.end) this.dividers[core.index].write(offset, value);
    else if (offset === FIFO_ST) this.mailboxes.clearSticky(core);
    else if (offset === FIFO_WR) this.mailboxes.write(core, value);
    else if (offset !== CPUID && offset !== FIFO_RD && offset !== SPINLOCK_ST) this.shared.writeUint32(offset, value);
  }
}
