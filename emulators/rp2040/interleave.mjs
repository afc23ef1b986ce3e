// Run the two cores of a chip alternately, one instruction at a time: always the core whose next instruction starts
// first, and core 0 if both start at once. So two runs of the same program with the same input are identical.

import { Fault } from './fault.mjs';

const FAR = 2 ** 29; // cycles

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
        if (core0.waiting || core1.waiting) {
          if (core0.waiting && core1.waiting) return;
          core = core0.waiting ? core1 : core0;
          core.mayGetAhead = leeway(chip, core);
        } else {
          core = core1.nanos < core0.nanos ? core1 : core0;
        }
        if (core.mayGetAhead > 0) {
          steps -= runAlone(core, steps);
        } else {
          const cycles = core.executeInstruction();
          core.instructions++;
          core.nanos += cycles * chip.nanosPerCycle;
          steps--;
        }
        if (core.waiting) core.fallAsleep();
        const other = core === core0 ? core1 : core0;
        const now = !other.waiting && other.nanos < core.nanos ? other.nanos : core.nanos;
        if (now > clock.nanos) clock.tick(now - clock.nanos);
        if (chip.isResetWanted) return;
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      steps--;
      core.catchUp();
      core.takeFault(error);
    }
  }
}

/**
 * Return for how many cycles nothing can happen to `core` while the other core sleeps, if it accesses only SRAM and
 * flash: until the next alarm. Return 0 if a cycle does not take whole nanoseconds, as their sum would be rounded in
 * another way than step by step.
 */
function leeway(chip, core) {
  if (!Number.isInteger(chip.nanosPerCycle)) return 0;
  const { nextAlarm } = chip.clock;
  return nextAlarm ? Math.min(FAR, (nextAlarm.nanos - core.nanos) / chip.nanosPerCycle) | 0 : FAR;
}

/**
 * Execute up to `steps` instructions of `core` and return how many, while the other core sleeps and nothing happens.
 * The clock stands still meanwhile. As soon as an instruction does what the rest of the chip may notice, or what may
 * depend on the clock, `catchUp` sets the clock, and that instruction is the last one.
 */
function runAlone(core, steps) {
  let left = steps;
  try {
    do {
      const cycles = core.executeInstruction();
      core.ahead += cycles;
      core.instructions++;
      left--;
    } while (core.ahead < core.mayGetAhead && left > 0);
  } finally {
    core.settle();
  }
  return steps - left;
}

/** Let `nanos` of simulated time pass while both cores sleep, and trigger every alarm in that time. */
export function passTime(chip, nanos) {
  chip.clock.tick(nanos);
  for (const core of chip.cores) {
    if (core.interruptsUpdated) core.wakeForInterrupt();
  }
}
