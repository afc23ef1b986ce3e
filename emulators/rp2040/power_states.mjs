// The part of the power-on state machine (RP2040 datasheet 2.13) that core 0 uses: FRCE_OFF holds core 1 in reset.

import { RPPSM } from './rp2040js.mjs';

const PROC1 = 1 << 16;

export class PowerStates extends RPPSM {
  constructor(mcu, core1) {
    super(mcu, 'PSM_BASE');
    this.core1 = core1;
  }

  writeUint32(offset, value) {
    super.writeUint32(offset, value);
    const isHeld = (this.frceOff & ~this.frceOn & PROC1) !== 0;
    if (isHeld && !this.core1.isHeld) {
      this.core1.isHeld = true;
      this.core1.waiting = true;
    } else if (!isHeld && this.core1.isHeld) {
      this.core1.isHeld = false;
      this.core1.restart();
    }
  }
}
