// One RP2040 from one reset to the next: rp2040js plus the parts that it lacks.

import { BootRom, bootRomWords } from './boot_rom.mjs';
import { Bus } from './bus.mjs';
import { Core } from './core.mjs';
import { Dma } from './dma.mjs';
import { Fault } from './fault.mjs';
import { PowerStates } from './power_states.mjs';
import { PrivateBus } from './private_bus.mjs';
import { RP2040 } from './rp2040js.mjs';
import { Sio } from './sio.mjs';

const DMA = 0x50000; // keys of rp2040js' table of peripherals
const PSM = 0x40010;
const WATCHDOG = 0x40058;

export class Chip {
  /**
   * `memories` has the `sram` and `flash` to start with, Uint8Arrays. `watchdog` is the watchdog from before the reset,
   * whose scratch registers and reason are kept, or undefined.
   */
  constructor(memories, watchdog) {
    const mcu = new RP2040();
    this.mcu = mcu;
    this.clock = mcu.clock;
    this.marks = [];
    this.watched = null; // what watch.mjs has seen of core 0
    this.isResetWanted = false; // by the watchdog, after the current instruction
    mcu.loadBootrom(bootRomWords());
    mcu.sram.set(memories.sram);
    mcu.flash.set(memories.flash);

    const view1 = Object.create(mcu);
    this.cores = [new Core(mcu, 0, this), new Core(view1, 1, this)];
    for (const core of this.cores) {
      const view = core.rp2040;
      view.core = core;
      view.onBreak = (number) => core.onBreak(number);
      view.logger = new Logger(core);
    }
    mcu.setInterrupt = (number, level) => {
      for (const core of this.cores) core.setInterrupt(number, level);
    };
    this.privateBuses = this.cores.map((core) => new PrivateBus(core));
    mcu.ppb = this.privateBuses[0]; // only its SysTick follows the clock
    this.nanosPerCycle = 1e9 / mcu.clkSys;
    mcu.addClockListener((frequency) => {
      this.nanosPerCycle = 1e9 / frequency;
      this.privateBuses[1].systickTimer.frequency = frequency;
    });
    this.sio = new Sio(this);
    this.bus = new Bus(this);
    this.bootRom = new BootRom(this);
    mcu.dma = mcu.peripherals[DMA] = new Dma(mcu);
    mcu.peripherals[PSM] = new PowerStates(mcu, this.cores[1]);
    this.#wireWatchdog(watchdog);
    this.#quietenUarts();
    for (const core of this.cores) core.restart();
  }

  get watchdog() {
    return this.mcu.peripherals[WATCHDOG];
  }

  #wireWatchdog(before) {
    const { watchdog } = this;
    if (before) {
      watchdog.scratchData.set(before.scratchData);
      watchdog.reason = before.reason;
    }
    watchdog.onWatchdogTrigger = () => {
      // rp2040js would let it fire again at the same instant, endlessly.
      watchdog.alarm.enable = watchdog.timer.enable = false;
      this.isResetWanted = true;
    };
  }

  // rp2040js keeps the transmit interrupt raised, so a program that has enabled it can do nothing else. Here it is
  // never raised, as on a UART that has sent everything it was given (RP2040 datasheet 4.2.6.1).
  #quietenUarts() {
    for (const uart of this.mcu.uart) {
      uart.checkInterrupts = () => this.mcu.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
    }
  }
}

/** rp2040js logs what it does not implement. Drop its messages about registers that it does not know. */
class Logger {
  constructor(core) {
    this.core = core;
  }

  debug() {}

  info(component, message) {
    if (component === 'CortexM0Core') this.core.logged(message);
  }

  warn(component, message) {
    if (component === 'CortexM0Core' && message.startsWith('Warning: Instruction')) {
      throw new Fault('undefined instruction', this.core.executed);
    }
  }

  error(component, message) {
    throw new Error(`${component}: ${message}`);
  }
}
