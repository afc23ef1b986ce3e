// The instructions that a program executes most, for a core of rp2040js. They do exactly what rp2040js' own do, in a
// fraction of the time: rp2040js compares each opcode with up to 80 patterns in turn. Everything else is left to
// rp2040js: rare instructions, shifts by 0 or by more than 31, memory that is neither SRAM nor flash under instructions
// that access several words, and an interrupt that may have to be taken first.
//
// test_rp2040_instructions.py compares each of the 65,536 opcodes with rp2040js.

import { CortexM0Core } from './rp2040js.mjs';

export const BOOT_ROM_SIZE = 16 * 1024;
export const SRAM = 0x20000000;
export const SRAM_SIZE = 264 * 1024;
export const FLASH = 0x10000000;
export const FLASH_MASK = 0x00ffffff;
export const FLASH_MIRRORS = 0x04000000; // bytes of all four of them

const SP = 13;
const LR = 14;
const PC = 15;
const HANDLER_MODE = 1;

export class Instructions extends CortexM0Core {
  /** `view` is the RP2040 as this core sees it. */
  constructor(view) {
    super(view);
    this.signed = new Int32Array(this.registers.buffer); // V8 needs no conversion for these
    this.rom32 = view.bootrom;
    this.rom16 = new Uint16Array(view.bootrom.buffer);
    this.flash8 = view.flash;
    this.flash16 = view.flash16;
    this.flash32 = new Uint32Array(view.flash.buffer);
    this.sram8 = view.sram;
    this.sram16 = new Uint16Array(view.sram.buffer);
    this.sram32 = new Uint32Array(view.sram.buffer);
  }

  /** Called before what the rest of the chip may notice or tell: see `runAlone` in interleave.mjs. */
  catchUp() {}

  /** Execute one instruction. Return its cycles. */
  executeInstruction() {
    const r = this.signed;
    const pc = r[PC];
    if (this.interruptsUpdated) return this.#leave(pc);
    const opcode = this.#fetch(pc & ~1);
    r[PC] = pc + 2;
    const low = opcode & 7;
    const middle = (opcode >> 3) & 7;
    let cycles = 1;

    // ARMv6-M manual, A5.2: the highest five bits tell most.
    switch (opcode >> 11) {
      case 0b00000: {
        // LSLS, immediate
        const count = (opcode >> 6) & 31;
        const input = r[middle];
        if (count) this.C = ((input >>> (32 - count)) & 1) !== 0;
        this.#result(low, input << count);
        break;
      }
      case 0b00001: {
        // LSRS, immediate; 0 stands for 32
        const count = (opcode >> 6) & 31;
        const input = r[middle];
        this.C = ((input >>> ((count - 1) & 31)) & 1) !== 0;
        this.#result(low, count ? input >>> count : 0);
        break;
      }
      case 0b00010: {
        // ASRS, immediate; 0 stands for 32
        const count = (opcode >> 6) & 31;
        const input = r[middle];
        this.C = ((input >>> ((count - 1) & 31)) & 1) !== 0;
        this.#result(low, input >> (count || 31));
        break;
      }
      case 0b00011: {
        // ADDS and SUBS of a register or of 3 bits
        const third = (opcode >> 6) & 7;
        const operand = opcode & 0x400 ? third : r[third];
        r[low] = opcode & 0x200 ? this.#subtract(r[middle], operand) : this.#add(r[middle], operand);
        break;
      }
      case 0b00100: // MOVS
        this.#result((opcode >> 8) & 7, opcode & 0xff);
        break;
      case 0b00101: // CMP
        this.#subtract(r[(opcode >> 8) & 7], opcode & 0xff);
        break;
      case 0b00110: {
        // ADDS
        const d = (opcode >> 8) & 7;
        r[d] = this.#add(r[d], opcode & 0xff);
        break;
      }
      case 0b00111: {
        // SUBS
        const d = (opcode >> 8) & 7;
        r[d] = this.#subtract(r[d], opcode & 0xff);
        break;
      }
      case 0b01000:
        if (!(opcode & 0x400)) {
          if (!this.#processed(opcode)) return this.#leave(pc);
        } else if ((opcode & 0x300) === 0x300) {
          // BX, BLX
          if (low) return this.#leave(pc);
          cycles = 2;
          const m = (opcode >> 3) & 15;
          if (opcode & 0x80) {
            r[LR] = (pc + 2) | 1;
            r[PC] = r[m] & ~1;
          } else {
            this.#branch(r[m]);
          }
        } else {
          cycles = this.#high(opcode);
        }
        break;
      case 0b01001: {
        // LDR, literal
        const address = ((pc + 4) & ~3) + ((opcode & 0xff) << 2);
        cycles = this.#load32((opcode >> 8) & 7, address);
        break;
      }
      case 0b01010:
      case 0b01011: {
        // the address is the sum of two registers
        const address = r[middle] + r[(opcode >> 6) & 7];
        switch ((opcode >> 9) & 7) {
          case 0:
            cycles = this.#store32(low, address);
            break;
          case 1:
            cycles = this.#store16(low, address);
            break;
          case 2:
            cycles = this.#store8(low, address);
            break;
          case 3:
            cycles = this.#load8(low, address);
            r[low] = (r[low] << 24) >> 24;
            break;
          case 4:
            cycles = this.#load32(low, address);
            break;
          case 5:
            cycles = this.#load16(low, address);
            break;
          case 6:
            cycles = this.#load8(low, address);
            break;
          case 7:
            cycles = this.#load16(low, address);
            r[low] = (r[low] << 16) >> 16;
            break;
        }
        break;
      }
      case 0b01100: // STR
        cycles = this.#store32(low, r[middle] + ((opcode >> 4) & 0x7c));
        break;
      case 0b01101: // LDR
        cycles = this.#load32(low, r[middle] + ((opcode >> 4) & 0x7c));
        break;
      case 0b01110: // STRB
        cycles = this.#store8(low, r[middle] + ((opcode >> 6) & 0x1f));
        break;
      case 0b01111: // LDRB
        cycles = this.#load8(low, r[middle] + ((opcode >> 6) & 0x1f));
        break;
      case 0b10000: // STRH
        cycles = this.#store16(low, r[middle] + ((opcode >> 5) & 0x3e));
        break;
      case 0b10001: // LDRH
        cycles = this.#load16(low, r[middle] + ((opcode >> 5) & 0x3e));
        break;
      case 0b10010: // STR to the stack
        cycles = this.#store32((opcode >> 8) & 7, r[SP] + ((opcode & 0xff) << 2));
        break;
      case 0b10011: // LDR from the stack
        cycles = this.#load32((opcode >> 8) & 7, r[SP] + ((opcode & 0xff) << 2));
        break;
      case 0b10100: // ADR
        r[(opcode >> 8) & 7] = ((pc & ~3) + 4 + ((opcode & 0xff) << 2)) | 0;
        break;
      case 0b10101: // ADD to a register what is SP plus a number
        r[(opcode >> 8) & 7] = (r[SP] + ((opcode & 0xff) << 2)) | 0;
        break;
      case 0b10110:
      case 0b10111:
        cycles = this.#miscellaneous(opcode);
        if (!cycles) return this.#leave(pc);
        break;
      case 0b11000:
        cycles = this.#storeMany(opcode);
        if (!cycles) return this.#leave(pc);
        break;
      case 0b11001:
        cycles = this.#loadMany(opcode);
        if (!cycles) return this.#leave(pc);
        break;
      case 0b11010:
      case 0b11011: {
        const condition = (opcode >> 8) & 15;
        if (condition >= 14) return this.#leave(pc); // UDF, SVC
        if (this.#holds(condition)) {
          r[PC] = pc + 4 + ((opcode << 24) >> 23);
          cycles = 2;
        }
        break;
      }
      case 0b11100: // B
        r[PC] = pc + 4 + ((opcode << 21) >> 20);
        cycles = 2;
        break;
      case 0b11110: {
        r[PC] = pc; // until both halves are read, as that may fault
        const second = this.#fetch((pc & ~1) + 2);
        if ((second & 0xd000) !== 0xd000) return this.#leave(pc);
        // BL: 25 bits S:I1:I2:imm10:imm11:0, I1 = NOT(J1 EOR S), I2 = NOT(J2 EOR S)
        const sign = (opcode << 21) >> 31;
        const upper = ((~((second >> 13) ^ sign) & 1) << 23) | ((~((second >> 11) ^ sign) & 1) << 22);
        const offset = (sign << 24) | upper | ((opcode & 0x3ff) << 12) | ((second & 0x7ff) << 1);
        r[LR] = (pc + 4) | 1;
        r[PC] = pc + 4 + offset;
        cycles = 3;
        break;
      }
      default:
        return this.#leave(pc);
    }
    this.cycles += cycles;
    return cycles;
  }

  /** Leave the instruction at `pc` to rp2040js; nothing of it may have been done. */
  #leave(pc) {
    this.catchUp();
    this.signed[PC] = pc;
    return super.executeInstruction();
  }

  #fetch(address) {
    let offset = (address - FLASH) >>> 0;
    if (offset < FLASH_MIRRORS) return this.flash16[(offset & FLASH_MASK) >>> 1];
    offset = (address - SRAM) >>> 0;
    if (offset < SRAM_SIZE) return this.sram16[offset >>> 1];
    if (address >>> 0 < BOOT_ROM_SIZE) return this.rom16[address >>> 1];
    return this.readUint16(address);
  }

  // ---- flags, from results as signed numbers of 32 bits

  #result(d, result) {
    result |= 0;
    this.signed[d] = result;
    this.N = result < 0;
    this.Z = result === 0;
  }

  #add(a, b) {
    const sum = (a + b) | 0;
    this.N = sum < 0;
    this.Z = sum === 0;
    this.C = sum >>> 0 < a >>> 0;
    this.V = ((a ^ sum) & (b ^ sum)) < 0;
    return sum;
  }

  #subtract(a, b) {
    const difference = (a - b) | 0;
    this.N = difference < 0;
    this.Z = difference === 0;
    this.C = a >>> 0 >= b >>> 0;
    this.V = ((a ^ b) & (a ^ difference)) < 0;
    return difference;
  }

  #holds(condition) {
    switch (condition) {
      case 0:
        return this.Z;
      case 1:
        return !this.Z;
      case 2:
        return this.C;
      case 3:
        return !this.C;
      case 4:
        return this.N;
      case 5:
        return !this.N;
      case 6:
        return this.V;
      case 7:
        return !this.V;
      case 8:
        return this.C && !this.Z;
      case 9:
        return !this.C || this.Z;
      case 10:
        return this.N === this.V;
      case 11:
        return this.N !== this.V;
      case 12:
        return this.N === this.V && !this.Z;
      default:
        return this.N !== this.V || this.Z;
    }
  }

  // ---- groups of instructions

  /** Do what A5.2.2 describes. Return false if it is left to rp2040js. */
  #processed(opcode) {
    const r = this.signed;
    const d = opcode & 7;
    const a = r[d];
    const b = r[(opcode >> 3) & 7];
    const count = b & 0xff;
    const isOrdinary = count > 0 && count < 32;
    switch ((opcode >> 6) & 15) {
      case 0b0000:
        this.#result(d, a & b);
        return true;
      case 0b0001:
        this.#result(d, a ^ b);
        return true;
      case 0b0010: // LSLS
        if (!isOrdinary) return false;
        this.C = ((a >>> (32 - count)) & 1) !== 0;
        this.#result(d, a << count);
        return true;
      case 0b0011: // LSRS
        if (!isOrdinary) return false;
        this.C = ((a >>> (count - 1)) & 1) !== 0;
        this.#result(d, a >>> count);
        return true;
      case 0b0100: // ASRS
        if (!isOrdinary) return false;
        this.C = ((a >>> (count - 1)) & 1) !== 0;
        this.#result(d, a >> count);
        return true;
      case 0b1000: {
        // TST
        const result = a & b;
        this.N = result < 0;
        this.Z = result === 0;
        return true;
      }
      case 0b1001: // RSBS
        r[d] = this.#subtract(0, b);
        return true;
      case 0b1010: // CMP
        this.#subtract(a, b);
        return true;
      case 0b1011: // CMN
        this.#add(a, b);
        return true;
      case 0b1100:
        this.#result(d, a | b);
        return true;
      case 0b1101:
        this.#result(d, Math.imul(a, b));
        return true;
      case 0b1110: // BICS
        this.#result(d, a & ~b);
        return true;
      case 0b1111: // MVNS
        this.#result(d, ~b);
        return true;
      default:
        return false; // ADCS, SBCS, RORS
    }
  }

  /** ADD, CMP and MOV of any registers. Return the cycles. */
  #high(opcode) {
    const r = this.signed;
    const m = (opcode >> 3) & 15;
    const d = ((opcode >> 4) & 8) | (opcode & 7);
    if (opcode & 0x100) {
      this.#subtract(r[d], r[m]);
      return 1;
    }
    let value = m === PC ? r[PC] + 2 : r[m];
    if (!(opcode & 0x200)) value += d === PC ? r[PC] + 2 : r[d];
    if (d === SP) value &= ~3;
    else if (d === PC) value &= ~1;
    r[d] = value | 0;
    return d === PC ? 2 : 1;
  }

  /** Do what A5.2.5 describes. Return the cycles; 0 if it is left to rp2040js. */
  #miscellaneous(opcode) {
    const r = this.signed;
    const d = opcode & 7;
    const input = r[(opcode >> 3) & 7];
    switch ((opcode >> 8) & 15) {
      case 0b0000: {
        const bytes = (opcode & 0x7f) << 2;
        r[SP] = (opcode & 0x80 ? r[SP] - bytes : r[SP] + bytes) & ~3;
        return 1;
      }
      case 0b0010:
        if (!(opcode & 0x80)) r[d] = opcode & 0x40 ? (input << 24) >> 24 : (input << 16) >> 16;
        else r[d] = opcode & 0x40 ? input & 0xff : input & 0xffff;
        return 1;
      case 0b0100:
      case 0b0101:
        return this.#push(opcode);
      case 0b1010:
        if (opcode & 0xc0) return 0; // REV16, REVSH
        r[d] = (input << 24) | ((input & 0xff00) << 8) | ((input >>> 8) & 0xff00) | (input >>> 24);
        return 1;
      case 0b1100:
      case 0b1101:
        return this.#pop(opcode);
      default:
        return 0;
    }
  }

  #push(opcode) {
    const r = this.signed;
    const list = opcode & 0x1ff;
    const bottom = r[SP] - 4 * bitCount(list);
    const offset = (bottom - SRAM) >>> 0;
    if (offset > SRAM_SIZE - 36 || offset & 3) return 0;
    let at = offset >>> 2;
    let cycles = 1;
    for (let i = 0, left = list & 0xff; left; i++, left >>= 1) {
      if (left & 1) {
        this.sram32[at++] = r[i];
        cycles++;
      }
    }
    if (list & 0x100) this.sram32[at] = r[LR];
    r[SP] = bottom;
    return cycles;
  }

  #pop(opcode) {
    const r = this.signed;
    const offset = (r[SP] - SRAM) >>> 0;
    if (offset > SRAM_SIZE - 36 || offset & 3) return 0;
    let at = offset >>> 2;
    let cycles = 1;
    for (let i = 0, left = opcode & 0xff; left; i++, left >>= 1) {
      if (left & 1) {
        r[i] = this.sram32[at++];
        cycles++;
      }
    }
    if (!(opcode & 0x100)) {
      r[SP] = SRAM + 4 * at;
      return cycles;
    }
    r[SP] = SRAM + 4 * at + 4;
    this.#branch(this.sram32[at]);
    return cycles + 2;
  }

  #storeMany(opcode) {
    const r = this.signed;
    const n = (opcode >> 8) & 7;
    const offset = (r[n] - SRAM) >>> 0;
    if (offset > SRAM_SIZE - 32 || offset & 3) return 0;
    let at = offset >>> 2;
    let cycles = 1;
    for (let i = 0, left = opcode & 0xff; left; i++, left >>= 1) {
      if (left & 1) {
        this.sram32[at++] = r[i];
        cycles++;
      }
    }
    if (!(opcode & (1 << n))) r[n] = SRAM + 4 * at;
    return cycles;
  }

  #loadMany(opcode) {
    const r = this.signed;
    const n = (opcode >> 8) & 7;
    const base = r[n];
    let words = this.sram32;
    let offset = (base - SRAM) >>> 0;
    if (offset > SRAM_SIZE - 32) {
      words = this.flash32;
      offset = (base - FLASH) >>> 0;
      if (offset > FLASH_MASK - 32) return 0;
    }
    if (offset & 3) return 0;
    let at = offset >>> 2;
    let cycles = 1;
    for (let i = 0, left = opcode & 0xff; left; i++, left >>= 1) {
      if (left & 1) {
        r[i] = words[at++];
        cycles++;
      }
    }
    if (!(opcode & (1 << n))) r[n] = base + 4 * (cycles - 1);
    return cycles;
  }

  #branch(address) {
    if (this.currentMode === HANDLER_MODE && address >>> 28 === 15) this.BXWritePC(address >>> 0);
    else this.signed[PC] = address & ~1;
  }

  // ---- loads and stores; they return the cycles

  #load32(t, address) {
    let offset = (address - SRAM) >>> 0;
    if (!(offset & 3)) {
      if (offset < SRAM_SIZE) {
        this.signed[t] = this.sram32[offset >>> 2];
        return 2;
      }
      offset = (address - FLASH) >>> 0;
      if (offset < FLASH_MIRRORS) {
        this.signed[t] = this.flash32[(offset & FLASH_MASK) >>> 2];
        return 2;
      }
    }
    this.signed[t] = this.readUint32(address);
    return 1 + this.cyclesIO(address);
  }

  #load16(t, address) {
    let offset = (address - SRAM) >>> 0;
    if (!(offset & 1)) {
      if (offset < SRAM_SIZE) {
        this.signed[t] = this.sram16[offset >>> 1];
        return 2;
      }
      offset = (address - FLASH) >>> 0;
      if (offset < FLASH_MIRRORS) {
        this.signed[t] = this.flash16[(offset & FLASH_MASK) >>> 1];
        return 2;
      }
    }
    this.signed[t] = this.readUint16(address);
    return 1 + this.cyclesIO(address);
  }

  #load8(t, address) {
    let offset = (address - SRAM) >>> 0;
    if (offset < SRAM_SIZE) {
      this.signed[t] = this.sram8[offset];
      return 2;
    }
    offset = (address - FLASH) >>> 0;
    if (offset < FLASH_MIRRORS) {
      this.signed[t] = this.flash8[offset & FLASH_MASK];
      return 2;
    }
    this.signed[t] = this.readUint8(address);
    return 1 + this.cyclesIO(address);
  }

  #store32(t, address) {
    const offset = (address - SRAM) >>> 0;
    if (offset < SRAM_SIZE && !(offset & 3)) {
      this.sram32[offset >>> 2] = this.signed[t];
      return 2;
    }
    this.writeUint32(address, this.registers[t]);
    return 1 + this.cyclesIO(address, true);
  }

  #store16(t, address) {
    const offset = (address - SRAM) >>> 0;
    if (offset < SRAM_SIZE && !(offset & 1)) {
      this.sram16[offset >>> 1] = this.signed[t];
      return 2;
    }
    this.writeUint16(address, this.registers[t]);
    return 1 + this.cyclesIO(address, true);
  }

  #store8(t, address) {
    const offset = (address - SRAM) >>> 0;
    if (offset < SRAM_SIZE) {
      this.sram8[offset] = this.signed[t];
      return 2;
    }
    this.writeUint8(address, this.registers[t]);
    return 1 + this.cyclesIO(address, true);
  }
}

function bitCount(bits) {
  let count = 0;
  for (; bits; bits &= bits - 1) count++;
  return count;
}
