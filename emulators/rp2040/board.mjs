// A Raspberry Pi Pico: the chip, the memories that survive its resets, its USB cable, and the pace at which it runs.

import { Chip } from './chip.mjs';
import { Lockup } from './core.mjs';
import { SIZE as FLASH_SIZE, withFirmware } from './flash.mjs';
import { UsbBoot } from './boot_rom.mjs';
import { UsbHost } from './usb_host.mjs';
import { interleave, passTime } from './interleave.mjs';
import { watch } from './watch.mjs';

const SRAM_SIZE = 264 * 1024;
const STEPS = 50000; // instructions to run before looking at the sockets again
const SLACK = 2e6; // nanoseconds: the host's timers have a resolution of milliseconds only

export class Board {
  #chip;
  #usb;
  #isPaced;
  #received;
  #stopped;
  #nap = null; // {since, wait, timer} while both cores sleep and the host's clock has to catch up
  #isScheduled = false;
  #lead = 0; // nanoseconds by which sleeping has put the board ahead of the host's clock
  #leadAt = 0;
  #watched = null; // address, once `watch` was called

  /**
   * `firmware` is the path of a .uf2 file. With `isPaced`, simulated time that the board sleeps through takes as long
   * on the host's clock; without it, no time. `received` gets what the board sends. `stopped` gets {reason, message}
   * when the board stops until its next reset; the reason is "fault" or "BOOTSEL".
   */
  constructor(firmware, { isPaced, received, stopped }) {
    this.#isPaced = isPaced;
    this.#received = received;
    this.#stopped = stopped;
    this.halt = null;
    this.#build({ sram: new Uint8Array(SRAM_SIZE), flash: withFirmware(firmware) });
  }

  /** Reset by the RUN pin. SRAM and flash are kept, the watchdog's registers are not (datasheet 2.12.3, 4.7.4). */
  reset() {
    this.#rebuild(undefined);
  }

  /** Send bytes to the board's serial port; the board takes them when it is ready. */
  send(data) {
    this.#awake();
    this.#usb.send(data);
  }

  get flash() {
    return this.#chip.mcu.flash.slice(0, FLASH_SIZE);
  }

  set flash(contents) {
    this.#chip.mcu.flash.set(contents);
  }

  /** Counts since the chip or the counts were last reset; instructions and cycles since the chip was last reset. */
  statistics() {
    const { cores, clock, sio } = this.#chip;
    return {
      cores: cores.map(({ instructions, cycles }) => ({ instructions, cycles })),
      nanoseconds: clock.nanos,
      spin_locks: sio.spinLocks.statistics(),
    };
  }

  resetStatistics() {
    this.#chip.sio.spinLocks.resetStatistics();
    this.#chip.marks.length = 0;
  }

  /** Switch the power off and on, which clears SRAM, and watch core 0 from the first instruction on: see watch.mjs. */
  watch(address) {
    this.#watched = address;
    this.#chip.mcu.sram.fill(0);
    this.reset();
  }

  /** The instructions before `address` of `watch` was reached; null as long as it was not. */
  get reached() {
    return this.#chip.watched.reached;
  }

  /** {core, instructions, cycles} of each BKPT 0x50 since the chip or the counts were last reset, in order. */
  get marks() {
    return this.#chip.marks;
  }

  #build(memories, watchdog, unread = []) {
    this.#chip = new Chip(memories, watchdog);
    if (this.#watched !== null) this.#chip.watched = watch(this.#chip, this.#watched);
    this.#usb = new UsbHost(this.#chip.mcu, this.#received);
    for (const data of unread) this.#usb.send(data);
    this.halt = null;
    this.#schedule();
  }

  #rebuild(watchdog) {
    this.#endNap();
    const { sram, flash } = this.#chip.mcu;
    this.#build({ sram, flash }, watchdog, this.#usb.unread);
  }

  #schedule() {
    if (this.#isScheduled || this.#nap || this.halt) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run() {
    const chip = this.#chip;
    if (this.halt) return;
    try {
      interleave(chip, STEPS);
    } catch (error) {
      this.#stop(error);
      return;
    }
    if (chip.isResetWanted) this.#rebuild(chip.watchdog);
    else if (chip.cores.every((core) => core.waiting)) this.#sleep();
    this.#schedule();
  }

  #stop(error) {
    if (error instanceof UsbBoot) this.halt = { reason: 'BOOTSEL', message: 'the board waits for a .uf2 file' };
    else if (error instanceof Lockup) this.halt = { reason: 'fault', message: error.message };
    else this.halt = { reason: 'fault', message: `the emulator failed: ${error.stack}` };
    this.#stopped(this.halt);
  }

  /** Both cores sleep: advance to the next alarm, at once or when the host's clock has got there. */
  #sleep() {
    const { clock } = this.#chip;
    const wait = clock.nextAlarm ? Math.max(0, clock.nanosToNextAlarm) : Infinity;
    const now = hostNanos();
    this.#lead = Math.max(0, this.#lead - (now - this.#leadAt));
    this.#leadAt = now;
    if (wait < Infinity && (!this.#isPaced || this.#lead + wait <= SLACK)) {
      this.#lead += wait;
      passTime(this.#chip, wait);
      return;
    }
    const milliseconds = Math.ceil((this.#lead + wait - SLACK) / 1e6);
    const timer = wait < Infinity && setTimeout(() => this.#awake(), Math.min(milliseconds, 2 ** 31 - 1));
    this.#nap = { since: now, wait, timer };
  }

  /** End the nap: its time is up, or data has come. Let as much time pass for the board as has passed on the host. */
  #awake() {
    if (!this.#nap) return;
    const { since, wait } = this.#endNap();
    const now = hostNanos();
    const slept = now - since;
    if (this.#isPaced) passTime(this.#chip, Math.min(wait, Math.max(0, slept - this.#lead)));
    this.#lead = Math.max(0, this.#lead - slept);
    this.#leadAt = now;
    this.#schedule();
  }

  #endNap() {
    const nap = this.#nap;
    if (nap?.timer) clearTimeout(nap.timer);
    this.#nap = null;
    return nap;
  }
}

function hostNanos() {
  return performance.now() * 1e6;
}
