// A core's private peripheral bus: rp2040js' plus the two system control registers that it lacks (ARMv6-M manual,
// B3.2.6 and B3.2.7).

import { RPPPB } from './rp2040js.mjs';

const AIRCR = 0xd0c;
const AIRCR_READ = 0xfa050000;
const AIRCR_KEY = 0x05fa;
const SYSRESETREQ = 1 << 2;
const SCR = 0xd10;
const SEVONPEND = 1 << 4;

export class PrivateBus extends RPPPB {
  constructor(core) {
    super(core.rp2040, `PPB${core.index}`);
    this.core = core;
  }

  readUint32(offset) {
    if (offset === AIRCR) return AIRCR_READ;
    if (offset === SCR) return this.core.sevOnPend ? SEVONPEND : 0;
    return super.readUint32(offset);
  }

  writeUint32(offset, value) {
    if (offset === AIRCR) {
      // RP2040 datasheet 2.4.2.9: reset this core and nothing else.
      if (value >>> 16 === AIRCR_KEY && value & SYSRESETREQ) this.core.restart();
    } else if (offset === SCR) {
      this.core.sevOnPend = (value & SEVONPEND) !== 0;
    } else {
      super.writeUint32(offset, value);
    }
  }
}
