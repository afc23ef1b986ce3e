// node compare_instructions.mjs ROUNDS: execute each opcode of 16 bits, alone or as the first half of 32 bits, ROUNDS
// times from random states, once by the emulator's core and once by rp2040js. Print what differs, and at the end
// {"compared", "direct", "different"}: all, those that the emulator did not leave to rp2040js, and those that differ.

import { Chip } from '../../emulators/rp2040/chip.mjs';
import { Fault } from '../../emulators/rp2040/fault.mjs';
import { FLASH, FLASH_MASK, SRAM, SRAM_SIZE } from '../../emulators/rp2040/instructions.mjs';
import { CortexM0Core } from '../../emulators/rp2040/rp2040js.mjs';

const OPCODES = 0x10000;
const MOST_SHOWN = 20;
const SECOND_HALVES = [0xf800, 0xd001, 0xf123, 0xffff, 0x8f50, 0x8810, 0x8000];
const CODE = [SRAM + 0x1000, SRAM + 0x1001, SRAM + SRAM_SIZE - 2, FLASH + 0x1000, FLASH + 0x01001000];
const BASES = [
  SRAM,
  SRAM + 0x2000,
  SRAM + SRAM_SIZE - 64,
  FLASH,
  FLASH + 0x03ffffc0,
  0x40,
  0x3fe0,
  0x40050000,
  0xd0000000,
];
const NUMBERS = [0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0xfffffff1, 0xfffffff9, 0xffffffff];

let seed = 1;
function random() {
  seed ^= seed << 13; // xorshift32
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

const pick = (choices) => choices[random() % choices.length];
const isLikely = () => (random() & 0x300) !== 0;

const memories = { sram: new Uint8Array(SRAM_SIZE).map(random), flash: new Uint8Array(2 << 20).map(random) };
const chip = new Chip(memories);
const core = chip.cores[0];
const before = Buffer.from(chip.mcu.sram);
let accesses; // beside SRAM, flash and boot ROM, in order
let wasLeft;

chip.bus = {
  read32(_, address) {
    accesses.push(['read', address]);
    const isBehindSram = address >>> 20 === SRAM >>> 20;
    if (address & 0x10 || isBehindSram) throw new Fault('read from an address where nothing is', address);
    return (address * 0x9e3779b1) >>> 0;
  },
  write32: (_, address, value) => accesses.push(['write', address, value]),
  writeNarrow: (_, address, value, size) => accesses.push(['write', address, value, size]),
};
core.catchUp = () => {
  wasLeft = true;
};
core.rp2040.logger = { info() {}, warn() {}, error() {} };
core.rp2040.onBreak = (number) => accesses.push(['break', number]);

function randomState() {
  const address = () => pick(BASES) + (random() & (isLikely() ? 0x3c : 0x3f));
  const registers = Array.from({ length: 16 }, () => pick([random, () => pick(NUMBERS), address, address])() >>> 0);
  registers[13] = (address() & ~3) >>> 0;
  registers[15] = pick(CODE);
  const [N, Z, C, V, PM] = Array.from({ length: 5 }, isLikely);
  return { registers, N, Z, C, V, PM, currentMode: isLikely() ? 0 : 1, interruptsUpdated: !isLikely() };
}

/** Execute one instruction from the state. Return all that it leaves, as text. */
function outcome({ registers, ...rest }, execute) {
  core.registers.set(registers);
  Object.assign(core, rest, { cycles: 7, SPSEL: 0, bankedSP: 0x20001000, IPSR: rest.currentMode && 11 });
  core.waiting = core.eventRegistered = core.pendingSVCall = false;
  accesses = [];
  let result;
  try {
    result = execute.call(core);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    result = error.message;
  }
  const { N, Z, C, V, PM, currentMode, IPSR, SPSEL, bankedSP, cycles, waiting, eventRegistered, pendingSVCall } = core;
  const flags = { N, Z, C, V, PM, currentMode, IPSR, SPSEL, bankedSP, waiting, eventRegistered, pendingSVCall };
  const { interruptsUpdated } = core;
  return JSON.stringify({ result, cycles, registers: [...core.registers], flags, interruptsUpdated, accesses });
}

/** Return what the instruction has changed in SRAM, as a copy of it, and undo that; null if it has changed nothing. */
function takeSram() {
  if (before.equals(chip.mcu.sram)) return null;
  const after = Buffer.from(chip.mcu.sram);
  chip.mcu.sram.set(before);
  return after;
}

function place(address, halfword) {
  const isSram = address >= SRAM;
  const at = isSram ? address - SRAM : address & FLASH_MASK;
  if (isSram && at >= SRAM_SIZE) return;
  const memory = isSram ? core.sram16 : core.flash16;
  memory[at >>> 1] = halfword;
  if (isSram) before.writeUInt16LE(halfword, at & ~1);
}

let different = 0;
let direct = 0;
const rounds = Number(process.argv[2]);
for (let round = 0; round < rounds; round++) {
  for (let opcode = 0; opcode < OPCODES; opcode++) {
    const state = randomState();
    place(state.registers[15], opcode);
    place(state.registers[15] + 2, pick(SECOND_HALVES));
    const expected = outcome(state, CortexM0Core.prototype.executeInstruction);
    const expectedSram = takeSram();
    wasLeft = false;
    const found = outcome(state, core.executeInstruction);
    const foundSram = takeSram();
    if (!wasLeft) direct++;
    const isSame = expectedSram && foundSram ? expectedSram.equals(foundSram) : expectedSram === foundSram;
    if (found === expected && isSame) continue;
    different++;
    if (different > MOST_SHOWN) continue;
    console.log(`${opcode.toString(16)} from ${JSON.stringify(state)}`);
    console.log(`  rp2040js: ${expected}\n  here:     ${found}${isSame ? '' : '\n  SRAM differs'}`);
  }
}
console.log(JSON.stringify({ compared: rounds * OPCODES, direct, different }));
