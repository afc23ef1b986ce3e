// A Cortex-M0+ core of the RP2040: rp2040js' core with the memory accesses, sleep and faults of the real one.

import { Fault, hex } from './fault.mjs';
import { BOOT_ROM_SIZE, FLASH, FLASH_MASK, FLASH_MIRRORS, Instructions, SRAM, SRAM_SIZE } from './instructions.mjs';

const FLASH_MIRRORS_END = FLASH + FLASH_MIRRORS;

const HARD_FAULT = 3;
const LOWEST_PRIORITY = 4;
const OPCODE_BKPT = 0xbe;
const OPCODE_WFE = 0xbf20;
const OPCODE_SEV = 0xbf40;

/** BKPT with this number marks a point in a program: see `marks` of Chip. */
const MARK = 0x50;

/** The core's fault handler has faulted: only a reset starts the core again (ARMv6-M manual, B1.5.15). */
export class Lockup extends Error {}

export class Core extends Instructions {
  /** `view` is the RP2040 as this core sees it, `index` 0 or 1, `chip` the Chip. */
  constructor(view, index, chip) {
    super(view);
    this.index = index;
    this.chip = chip;
    this.instructions = 0; // executed since power-up
    this.nanos = 0; // simulated time at which the next instruction starts; `runAlone` lets it wait
    this.ahead = 0; // cycles by which the core has passed `nanos`
    this.mayGetAhead = 0; // cycles by which it may do so
    this.isHeld = false; // held in reset by the power-on state machine
    this.sevOnPend = false; // SCR.SEVONPEND
    this.waitsForEvent = false; // sleeps by WFE, not by WFI
    this.fault = null; // the fault that the running handler handles
  }

  /** Reset this core only. */
  restart() {
    this.registers.fill(0);
    this.VTOR = this.SHPR2 = this.SHPR3 = 0;
    this.N = this.C = this.Z = this.V = this.PM = this.nPRIV = false;
    this.SPSEL = this.currentMode = this.IPSR = this.bankedSP = 0;
    this.enabledInterrupts = 0;
    this.interruptPriorities = [0xffffffff, 0, 0, 0];
    this.pendingNMI = this.pendingPendSV = this.pendingSVCall = this.pendingSystick = false;
    this.eventRegistered = this.waiting = this.waitsForEvent = this.sevOnPend = false;
    this.fault = null;
    this.SP = this.readUint32(0);
    this.PC = this.readUint32(4) & ~1;
    this.nanos = this.chip.clock.nanos;
  }

  /** Let the chip's clock catch up with the core, and do not get ahead of it again. */
  catchUp() {
    if (this.mayGetAhead === 0) return;
    this.settle();
    const { clock } = this.chip;
    if (this.nanos > clock.nanos) clock.tick(this.nanos - clock.nanos);
  }

  /** End `runAlone`: give `nanos` its value. */
  settle() {
    this.nanos += this.ahead * this.chip.nanosPerCycle;
    this.ahead = this.mayGetAhead = 0;
  }

  // ---- memory: SRAM and flash directly, everything else through the bus

  readUint32(address) {
    address = address >>> 0;
    if (address & 3) throw new Fault('unaligned read of 32 bits', address);
    if (address >= SRAM && address < SRAM + SRAM_SIZE) return this.sram32[(address - SRAM) >>> 2];
    if (address >= FLASH && address < FLASH_MIRRORS_END) return this.flash32[(address & FLASH_MASK) >>> 2];
    if (address < BOOT_ROM_SIZE) return this.rom32[address >>> 2];
    return this.chip.bus.read32(this, address);
  }

  readUint16(address) {
    address = address >>> 0;
    if (address & 1) throw new Fault('unaligned read of 16 bits', address);
    if (address >= FLASH && address < FLASH_MIRRORS_END) return this.flash16[(address & FLASH_MASK) >>> 1];
    if (address >= SRAM && address < SRAM + SRAM_SIZE) return this.sram16[(address - SRAM) >>> 1];
    return (this.chip.bus.read32(this, (address & ~3) >>> 0) >>> ((address & 2) * 8)) & 0xffff;
  }

  readUint8(address) {
    address = address >>> 0;
    if (address >= SRAM && address < SRAM + SRAM_SIZE) return this.sram8[address - SRAM];
    if (address >= FLASH && address < FLASH_MIRRORS_END) return this.flash8[address & FLASH_MASK];
    return (this.chip.bus.read32(this, (address & ~3) >>> 0) >>> ((address & 3) * 8)) & 0xff;
  }

  writeUint32(address, value) {
    address = address >>> 0;
    if (address & 3) throw new Fault('unaligned write of 32 bits', address);
    if (address >= SRAM && address < SRAM + SRAM_SIZE) this.sram32[(address - SRAM) >>> 2] = value;
    else this.chip.bus.write32(this, address, value);
  }

  writeUint16(address, value) {
    address = address >>> 0;
    if (address & 1) throw new Fault('unaligned write of 16 bits', address);
    if (address >= SRAM && address < SRAM + SRAM_SIZE) this.sram16[(address - SRAM) >>> 1] = value;
    else this.chip.bus.writeNarrow(this, address, value, 2);
  }

  writeUint8(address, value) {
    address = address >>> 0;
    if (address >= SRAM && address < SRAM + SRAM_SIZE) this.sram8[address - SRAM] = value;
    else this.chip.bus.writeNarrow(this, address, value, 1);
  }

  // ---- interrupts and sleep (ARMv6-M manual, B1.5.4, B1.5.18, B1.5.19)

  // rp2040js lets a sleeping core take an interrupt despite PRIMASK or its own priority. Here the core only wakes.
  setInterrupt(number, level) {
    const bit = 1 << number;
    if (!level) {
      this.pendingInterrupts &= ~bit;
    } else if (!(this.pendingInterrupts & bit)) {
      this.pendingInterrupts |= bit;
      this.interruptsUpdated = true;
      if (this.sevOnPend) this.signalEvent();
      this.wakeForInterrupt();
    }
  }

  /** Wake if an interrupt is pending that could be taken if PRIMASK were 0. */
  wakeForInterrupt() {
    if (!this.waiting || this.isHeld) return;
    const priority = Math.min(this.exceptionPriority(this.IPSR), LOWEST_PRIORITY);
    const waiting = this.pendingInterrupts & this.enabledInterrupts;
    let wakes = this.pendingNMI;
    for (let level = 0; level < priority && !wakes; level++) {
      wakes =
        (waiting & this.interruptPriorities[level]) !== 0 ||
        (this.pendingPendSV && level === this.pendSVPriority) ||
        (this.pendingSystick && level === this.systickPriority);
    }
    if (wakes) this.wake();
  }

  /** Set the event register, on SEV by either core or, with SCR.SEVONPEND, on an interrupt. */
  signalEvent() {
    if (this.isHeld) return;
    if (this.waiting && this.waitsForEvent) this.wake();
    else this.eventRegistered = true;
  }

  wake() {
    this.waiting = false;
    this.nanos = this.chip.clock.nanos;
  }

  /** Where the instruction is that is being executed, if it has 16 bits. rp2040js leaves bit 0 of PC set where it enters
   * an exception handler. */
  get executed() {
    return (this.PC & ~1) - 2;
  }

  /** Called once after an instruction has put the core to sleep. */
  fallAsleep() {
    this.waitsForEvent = this.readUint16(this.executed) === OPCODE_WFE;
    this.wakeForInterrupt();
  }

  /** Execute SEV, which rp2040js only logs. */
  logged(message) {
    if (message === 'SEV' && this.readUint16(this.executed) === OPCODE_SEV) {
      for (const core of this.chip.cores) core.signalEvent();
    }
  }

  // ---- breakpoints and faults

  /** Called after BKPT or UDF; rp2040js passes only the number. */
  onBreak(number) {
    const place = this.executed;
    if (this.readUint16(place) >>> 8 !== OPCODE_BKPT) throw new Fault('undefined instruction', place);
    if (number === MARK) {
      this.chip.marks.push({ core: this.index, instructions: this.instructions, cycles: this.cycles, ...this.stack() });
      // A mark must not count: take off what executing it adds.
      this.instructions--;
      this.cycles--;
    } else if (place >= BOOT_ROM_SIZE || !this.chip.bootRom.call(number, this)) {
      throw new Fault(`breakpoint ${number} without a debugger`, place);
    }
  }

  /** Return {lowest, highest} stack pointer since the last mark, if core 0 is watched, and start new ones. */
  stack() {
    const seen = this.chip.watched;
    if (!seen) return {};
    const { lowest, highest } = seen;
    seen.lowest = Infinity;
    seen.highest = 0;
    return { lowest, highest };
  }

  /** Enter the HardFault handler. Throw Lockup if that handler is what has faulted. */
  takeFault(fault) {
    // rp2040js has already advanced past the opcode, except if fetching it failed.
    if (fault.address !== (this.PC & ~1) >>> 0) this.PC -= 2;
    const handling = this.IPSR === HARD_FAULT;
    if (!handling) this.fault = `${fault.message}\n${this.state()}`;
    try {
      if (handling) throw new Lockup();
      this.exceptionEntry(HARD_FAULT);
    } catch (error) {
      if (!(error instanceof Lockup) && !(error instanceof Fault)) throw error;
      throw new Lockup(`HardFault of core ${this.index}: ${this.fault}`);
    }
    this.waiting = false;
  }

  /** Return the registers as text. */
  state() {
    const names = [...Array(13).keys()].map((i) => `r${i}`).concat(['sp', 'lr', 'pc']);
    const all = names.map((name, i) => `${name}=${hex(this.registers[i])}`).concat(`xpsr=${hex(this.xPSR)}`);
    const lines = [];
    for (let i = 0; i < all.length; i += 6) lines.push(all.slice(i, i + 6).join(' '));
    return lines.join('\n');
  }
}
