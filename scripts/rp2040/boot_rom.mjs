// What the stand-in's boot ROM leaves to the emulator: boot_rom.S asks for it by BKPT.

import { readFileSync } from 'node:fs';
import { Fault, hex } from './fault.mjs';
import { erase, program } from './flash.mjs';

const IMAGE = new URL('../../build/rp2040/boot_rom.bin', import.meta.url);
const SIZE = 16 * 1024;

/** The core waits for somebody to drag a .uf2 file to it: nothing more runs before a reset. */
export class UsbBoot extends Error {}

/** The boot ROM as 32-bit words. */
export function bootRomWords() {
  const bytes = Buffer.alloc(SIZE);
  readFileSync(IMAGE).copy(bytes);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, SIZE / 4);
}

const float = new DataView(new ArrayBuffer(4));

function toNumber(bits) {
  float.setUint32(0, bits);
  return float.getFloat32(0);
}

function toBits(number) {
  float.setFloat32(0, number);
  return float.getUint32(0);
}

/** A function of floats in r0 and r1, with its result in r0. */
function ofFloats(f) {
  return (core) => {
    core.registers[0] = toBits(f(toNumber(core.registers[0]), toNumber(core.registers[1])));
  };
}

export class BootRom {
  #calls;

  constructor(chip) {
    const { flash } = chip.mcu;
    this.#calls = {
      0xe0: ({ registers: [offset, size] }) => erase(flash, offset, size),
      0xe1: (core) => {
        const [offset, source, size] = core.registers;
        const data = Uint8Array.from({ length: size }, (_, i) => core.readUint8(source + i));
        program(flash, offset, data);
      },
      0xe2: () => {
        throw new UsbBoot();
      },
      0xe3: (core) => {
        throw new Fault(`the stand-in's boot ROM lacks what is called from ${hex(core.LR & ~1)}`);
      },
      0xe4: ofFloats(Math.sqrt),
      0xe5: (core) => {
        const angle = toNumber(core.registers[0]);
        core.registers[0] = toBits(Math.sin(angle));
        core.registers[1] = toBits(Math.cos(angle));
      },
      0xe6: ofFloats(Math.cos),
      0xe7: ofFloats(Math.tan),
      0xe8: ofFloats(Math.exp),
      0xe9: ofFloats(Math.log),
      0xea: ofFloats(Math.atan2),
    };
  }

  /** Do what BKPT `number` asks for; false when that is nothing. */
  call(number, core) {
    const does = this.#calls[number];
    does?.(core);
    return does !== undefined;
  }
}
