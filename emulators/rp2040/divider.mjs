// The integer divider of each core (RP2040 datasheet 2.3.1.5). It takes no time here, instead of 8 cycles.

const READY = 1;
const DIRTY = 2;

const UDIVIDEND = 0x60;
const UDIVISOR = 0x64;
const SDIVIDEND = 0x68;
const SDIVISOR = 0x6c;
const QUOTIENT = 0x70;
const REMAINDER = 0x74;
const CSR = 0x78;

export class Divider {
  static begin = UDIVIDEND;
  static end = CSR + 4;

  constructor() {
    this.dividend = 0;
    this.divisor = 0;
    this.quotient = 0;
    this.remainder = 0;
    this.isDirty = false;
  }

  read(offset) {
    switch (offset) {
      case UDIVIDEND:
      case SDIVIDEND:
        return this.dividend;
      case UDIVISOR:
      case SDIVISOR:
        return this.divisor;
      case QUOTIENT:
        this.isDirty = false;
        return this.quotient;
      case REMAINDER:
        return this.remainder;
      default:
        return READY | (this.isDirty ? DIRTY : 0);
    }
  }

  write(offset, value) {
    value >>>= 0;
    if (offset === CSR) return;
    this.isDirty = true;
    if (offset === QUOTIENT) this.quotient = value;
    else if (offset === REMAINDER) this.remainder = value;
    else {
      if (offset === UDIVIDEND || offset === SDIVIDEND) this.dividend = value;
      else this.divisor = value;
      this.#divide(offset === SDIVIDEND || offset === SDIVISOR);
    }
  }

  #divide(isSigned) {
    const dividend = isSigned ? this.dividend | 0 : this.dividend;
    const divisor = isSigned ? this.divisor | 0 : this.divisor;
    if (divisor === 0) {
      this.quotient = isSigned && dividend < 0 ? 1 : 0xffffffff;
      this.remainder = this.dividend;
    } else {
      this.quotient = Math.trunc(dividend / divisor) >>> 0;
      this.remainder = (dividend % divisor) >>> 0;
    }
  }
}
