// rp2040js' DMA, corrected where it differs from the RP2040 datasheet, 2.5.

import { RPDMA, RPDMAChannel } from './rp2040js.mjs';

const CHANNELS = 12;
const FIRST_TIMER = 59; // TREQ_SEL of pacing timer 0
const LAST_TIMER = 62;
const UNPACED = 63;
const CHAN_ABORT = 0x444;

const AHB_ERROR = 1 << 31;
const READ_ERROR = 1 << 30;
const WRITE_ERROR = 1 << 29;
const BUSY = 1 << 24;

const FLASH = 0x10000000;
const FLASH_END = 0x14000000;

class Channel extends RPDMAChannel {
  constructor(dma, mcu, index) {
    super(dma, mcu, index);
    const { transfer } = this;
    this.transferAlarm = mcu.clock.createAlarm(() => this.#step(transfer));
  }

  // 2.5: one transfer a clock cycle. rp2040js does a whole unpaced sequence in one instant, and never returns if
  // channels keep starting one another.
  scheduleTransfer() {
    if (this.treqValue === UNPACED) this.transferAlarm.schedule(1e9 / this.rp2040.clkSys);
    else super.scheduleTransfer();
  }

  // 2.5.7, CTRL.AHB_ERROR: the channel halts on a bus error and raises its interrupt. rp2040js moves 0xffffffff.
  #step(transfer) {
    const error =
      (isReachable(this.rp2040, this.readAddr >>> 0, this.dataSize) ? 0 : READ_ERROR) |
      (isWritable(this.rp2040, this.writeAddr >>> 0, this.dataSize) ? 0 : WRITE_ERROR);
    if (!error) {
      transfer();
      return;
    }
    this.ctrl = (this.ctrl & ~BUSY) | error | AHB_ERROR;
    this.dma.intRaw |= 1 << this.index;
    this.dma.checkInterrupts();
  }

  writeUint32(offset, value) {
    super.writeUint32(offset, value);
    if (!(this.ctrl & (READ_ERROR | WRITE_ERROR))) this.ctrl &= ~AHB_ERROR;
  }
}

export class Dma extends RPDMA {
  constructor(mcu) {
    super(mcu, 'DMA');
    this.dreq = mcu.dma.dreq;
    this.channels = Array.from({ length: CHANNELS }, (_, index) => new Channel(this, mcu, index));
  }

  readUint32(offset) {
    return offset === CHAN_ABORT ? 0 : super.readUint32(offset); // 2.5.5.3: aborts complete at once
  }

  // 2.5.5.1: a timer makes X / Y requests a cycle, so the period is Y / X cycles; X = 0 makes none. rp2040js swaps X
  // and Y and lacks timer 3. The result is in microseconds.
  getTimer(treq) {
    if (treq < FIRST_TIMER || treq > LAST_TIMER) return 0;
    const fraction = [this.timer0, this.timer1, this.timer2, this.timer3][treq - FIRST_TIMER];
    const x = fraction >>> 16;
    return x ? (((fraction & 0xffff) / x) * 1e6) / this.rp2040.clkSys : 0;
  }
}

function isReachable(mcu, address, size) {
  if (address & (size - 1)) return false;
  return isSram(mcu, address) || (address >= FLASH && address < FLASH_END) || mcu.findPeripheral(address) !== undefined;
}

function isWritable(mcu, address, size) {
  return !(address & (size - 1)) && (isSram(mcu, address) || mcu.findPeripheral(address) !== undefined);
}

function isSram(mcu, address) {
  return address >= 0x20000000 && address < 0x20000000 + mcu.sram.length;
}
