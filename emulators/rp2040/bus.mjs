// Everything a core can access outside SRAM and flash (RP2040 datasheet 2.1, 2.2): the peripherals that both cores
// share, and each core's own SIO and private peripheral bus.

import { Fault } from './fault.mjs';

const BOOT_ROM_END = 0x4000;
const FLASH = 0x10000000;
const XIP_CONTROL = 0x14000000;
const XIP_STATUS = 0x14000008;
const XIP_READY = 3; // FLUSH_READY, FIFO_EMPTY: the emulator has no cache that could be busy
const PERIPHERALS = 0x18000000;
const USB_RAM = 0x50100000;
const SIO = 0xd0000000;
const SIO_END = 0xd0000180;
const PRIVATE = 0xe000e000;

export class Bus {
  constructor(chip) {
    this.chip = chip;
  }

  read32(core, address) {
    core.catchUp();
    if (address >= SIO) {
      if (address < SIO_END) return this.chip.sio.read(core, address - SIO);
      if (isPrivate(address)) return this.chip.privateBuses[core.index].readUint32(address & 0xfff);
    } else if (address < BOOT_ROM_END || this.#isPeripheral(address)) {
      return this.chip.mcu.readUint32(address);
    } else if (isXipControl(address)) {
      return address === XIP_STATUS ? XIP_READY : 0;
    }
    throw new Fault('read from an address where nothing is', address);
  }

  write32(core, address, value) {
    core.catchUp();
    if (address >= SIO) {
      if (address < SIO_END) return this.chip.sio.write(core, address - SIO, value);
      if (isPrivate(address)) return this.chip.privateBuses[core.index].writeUint32(address & 0xfff, value);
    } else if (this.#isPeripheral(address)) {
      return this.chip.mcu.writeUint32(address, value);
    } else if (address < BOOT_ROM_END || isXip(address)) {
      // Do not fault. TinyUSB writes to address 0 with every packet of endpoint 0, on the real chip too. A write to XIP
      // only drops a line of the cache (2.6.3.2), and the emulator has no cache.
      return;
    }
    throw new Fault('write to an address where nothing can be written', address);
  }

  /** Store 1 or 2 bytes. A register receives them on all of its byte lanes (2.1.4). */
  writeNarrow(core, address, value, size) {
    core.catchUp();
    if (address >= SIO) {
      const lanes = size === 1 ? (value & 0xff) * 0x01010101 : (value & 0xffff) * 0x00010001;
      this.write32(core, (address & ~3) >>> 0, lanes >>> 0);
    } else if (!this.#isPeripheral(address)) {
      this.write32(core, (address & ~3) >>> 0, value);
    } else if (size === 1) {
      this.chip.mcu.writeUint8(address, value);
    } else {
      this.chip.mcu.writeUint16(address, value);
    }
  }

  #isPeripheral(address) {
    if (address >>> 12 === USB_RAM >>> 12) return true;
    return address >= PERIPHERALS && this.chip.mcu.findPeripheral(address) !== undefined;
  }
}

function isPrivate(address) {
  return address >>> 12 === PRIVATE >>> 12;
}

function isXipControl(address) {
  return address >>> 12 === XIP_CONTROL >>> 12;
}

function isXip(address) {
  return (address >= FLASH && address < XIP_CONTROL) || isXipControl(address);
}
