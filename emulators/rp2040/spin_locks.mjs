// The 32 hardware spin locks (RP2040 datasheet 2.3.1.3), with counts of waits and of how long they are held.

const COUNT = 32;

class SpinLock {
  constructor() {
    this.owner = null;
    this.isWaiting = [false, false];
    this.resetStatistics();
  }

  /** Clear the counts. A lock that is held stays held; the longest times count from the next claim. */
  resetStatistics() {
    this.since = null;
    this.acquisitions = [0, 0];
    this.waits = [0, 0];
    this.refusals = [0, 0];
    this.longestInstructions = [0, 0];
    this.longestCycles = [0, 0];
  }
}

export class SpinLocks {
  constructor() {
    this.locks = Array.from({ length: COUNT }, () => new SpinLock());
    this.claimed = 0; // one bit for each lock
  }

  /** Return what a read by `core` gives: the lock's bit if the core now has the lock, 0 if it was already taken. */
  claim(core, number) {
    const lock = this.locks[number];
    const { index } = core;
    if (lock.owner !== null) {
      lock.refusals[index]++;
      if (!lock.isWaiting[index]) lock.waits[index]++;
      lock.isWaiting[index] = true;
      return 0;
    }
    lock.owner = index;
    lock.isWaiting[index] = false;
    lock.acquisitions[index]++;
    lock.since = { instructions: core.instructions, cycles: core.cycles };
    this.claimed = (this.claimed | (1 << number)) >>> 0;
    return (1 << number) >>> 0;
  }

  /** Release the lock: any write does that, from either core. */
  release(core, number) {
    const lock = this.locks[number];
    if (lock.since && lock.owner === core.index) {
      const { index } = core;
      const instructions = core.instructions - lock.since.instructions;
      const cycles = core.cycles - lock.since.cycles;
      lock.longestInstructions[index] = Math.max(lock.longestInstructions[index], instructions);
      lock.longestCycles[index] = Math.max(lock.longestCycles[index], cycles);
    }
    lock.owner = lock.since = null;
    this.claimed = (this.claimed & ~(1 << number)) >>> 0;
  }

  resetStatistics() {
    for (const lock of this.locks) lock.resetStatistics();
  }

  /**
   * For each lock that was ever read, by number, pairs for core 0 and core 1: how often it claimed the lock; how often
   * it had to wait, and its reads while it waited; the longest time that it held the lock, from the instruction after
   * the claiming read to the releasing write.
   */
  statistics() {
    const result = {};
    this.locks.forEach((lock, number) => {
      if (lock.acquisitions.some(Boolean) || lock.refusals.some(Boolean)) {
        result[number] = {
          acquisitions: lock.acquisitions,
          waits: lock.waits,
          refused_reads: lock.refusals,
          longest_instructions: lock.longestInstructions,
          longest_cycles: lock.longestCycles,
        };
      }
    });
    return result;
  }
}
