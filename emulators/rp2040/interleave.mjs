// Run the two cores of a chip alternately, one instruction at a time: always the core whose next instruction starts
// first, and core 0 if both start at once. So two runs of the same program with the same input are identical.

import { Fault } from './fault.mjs';

/**
 * Execute up to `steps` instructions of `chip`. Stop earlier if both cores sleep or if the watchdog wants a reset. A
 * core's fault goes to its handler. Throw Lockup or UsbBoot if the chip stops.
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

/** Let `nanos` of simulated time pass while both cores sleep, and trigger every alarm in that time. */
export function passTime(chip, nanos) {
  chip.clock.tick(nanos);
  for (const core of chip.cores) {
    if (core.interruptsUpdated) core.wakeForInterrupt();
  }
}
