// The flash chip of a Raspberry Pi Pico, a W25Q16JV. It is NOR flash: programming can only clear bits, and erasing sets
// all bits of whole sectors. Here both take no time.

import { readFileSync } from 'node:fs';
import { Fault, hex } from './fault.mjs';

export const SIZE = 2 * 1024 * 1024;
const SECTOR = 4096;
const PAGE = 256;

const BASE = 0x10000000;
const UF2_BLOCK = 512;
const UF2_MAGICS = [0x0a324655, 0x9e5d5157];
const UF2_NOT_FOR_FLASH = 1;

/** Return the contents of an erased chip with the .uf2 file at `path` written to it. */
export function withFirmware(path) {
  const flash = new Uint8Array(SIZE).fill(0xff);
  const file = readFileSync(path);
  if (file.length === 0 || file.length % UF2_BLOCK) throw new Error(`${path} is not a .uf2 file: ${file.length} bytes`);
  for (let start = 0; start < file.length; start += UF2_BLOCK) {
    const block = file.subarray(start, start + UF2_BLOCK);
    if (UF2_MAGICS.some((magic, i) => block.readUInt32LE(4 * i) !== magic)) {
      throw new Error(`${path} is not a .uf2 file: there is no block at byte ${start}`);
    }
    if (block.readUInt32LE(8) & UF2_NOT_FOR_FLASH) continue;
    const offset = block.readUInt32LE(12) - BASE;
    const size = block.readUInt32LE(16);
    if (offset < 0 || offset + size > SIZE) throw new Error(`${path} has data for ${hex(offset + BASE)}, not in flash`);
    flash.set(block.subarray(32, 32 + size), offset);
  }
  return flash;
}

/** Erase `size` bytes of `flash` from `offset`. */
export function erase(flash, offset, size) {
  check('erase', offset, size, SECTOR);
  flash.fill(0xff, offset, offset + size);
}

/** Program the bytes `data` at `offset`. */
export function program(flash, offset, data) {
  check('program', offset, data.length, PAGE);
  for (let i = 0; i < data.length; i++) flash[offset + i] &= data[i];
}

function check(what, offset, size, unit) {
  if (offset % unit || size % unit || offset + size > SIZE) {
    throw new Fault(`flash: cannot ${what} ${size} bytes at offset ${hex(offset)}, in units of ${unit}`);
  }
}
