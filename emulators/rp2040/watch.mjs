// Watch core 0 instruction by instruction. It makes the emulator slower, so a chip is watched only on request.

/**
 * Watch core 0 of `chip` from now on. Return {reached, lowest, highest}: the number of instructions executed before the
 * one at `address` was first reached, null until then, and the bounds of the stack pointer in thread mode. A mark (see
 * core.mjs) takes the bounds and starts new ones.
 */
export function watch(chip, address) {
  const core = chip.cores[0];
  const execute = core.executeInstruction;
  const seen = { reached: null, lowest: Infinity, highest: 0 };
  core.executeInstruction = () => {
    if (core.PC === address && seen.reached === null) seen.reached = core.instructions;
    const cycles = execute.call(core);
    if (core.IPSR === 0) {
      const sp = core.SP >>> 0;
      if (sp < seen.lowest) seen.lowest = sp;
      if (sp > seen.highest) seen.highest = sp;
    }
    return cycles;
  };
  return seen;
}
