// Runs the two cores of a chip by turns, an instruction at a time: always the one whose next instruction begins first,
// core 0 when both begin at once. So two runs of the same program with the same input do exactly the same.

import { Fault } from './fault.mjs';

/**
 * Execute up to `steps` instructions of `chip`; ends before that when both cores sleep, or when the watchdog wants a
 * reset. A fault of a core goes to its handler. Raises Lockup and UsbBoot.
 */
export function interleave(chip, steps) {
  const [core0, core1] = chip.cores;
  const { clock } = chip;
  let core = core0;
  while (steps > 0) {
    try {
      while (steps > 0) {
        steps--;
        if (core1.waiting) {
          if (core0.waiting) return;
          core = core0;
        } else {
          core = core0.waiting || core1.nanos < core0.nanos ? core1 : core0;
        }
        const cycles = core.executeInstruction();
        core.instructions++;
        core.nanos += cycles * chip.nanosPerCycle;
        if (core.waiting) core.fallAsleep();
        const other = core === core0 ? core1 : core0;
        const now = !other.waiting && other.nanos < core.nanos ? other.nanos : core.nanos;
        if (now > clock.nanos) clock.tick(now - clock.nanos);
        if (chip.isResetWanted) return;
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      core.takeFault(error);
    }
  }
}

/** Let `nanos` of simulated time go by while both cores sleep; the last alarm in that time has then gone off. */
export function passTime(chip, nanos) {
  chip.clock.tick(nanos);
  for (const core of chip.cores) {
    if (core.interruptsUpdated) core.wakeForInterrupt();
  }
}
