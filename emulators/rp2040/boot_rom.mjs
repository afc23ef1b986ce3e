// The part of the boot ROM that the emulator does itself: boot_rom.S asks for it by BKPT.

import { readFileSync } from 'node:fs';
import { Fault, hex } from './fault.mjs';
import { erase, program } from './flash.mjs';

const IMAGE = new URL('../../build/rp2040/boot_rom.bin', import.meta.url);
const SIZE = 16 * 1024;

/** The chip is in BOOTSEL mode and waits for a .uf2 file: nothing runs until the next reset. */
export class UsbBoot extends Error {}

/** Return the boot ROM as 32-bit words. */
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

/** Make a function of floats that takes them from r0 and r1 and leaves its result in r0. */
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
        throw new Fault(`the emulator's boot ROM lacks the function that is called from ${hex(core.LR & ~1)}`);
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

  /** Do what BKPT `number` asks for. Return false if it asks for nothing. */
  call(number, core) {
    const does = this.#calls[number];
    does?.(core);
    return does !== undefined;
  }
}
