// The two FIFOs between the cores (RP2040 datasheet 2.3.1.4): 8 words each, with their interrupts.

const DEPTH = 8;
const VLD = 1; // there is a word to read
const RDY = 2; // there is room to write
const WOF = 4; // written while full
const ROE = 8; // read while empty
const FIRST_INTERRUPT = 15; // SIO_IRQ_PROC0

export class Mailboxes {
  constructor(chip) {
    this.chip = chip;
    this.words = [[], []]; // for core 0 and core 1 to read
    this.sticky = [0, 0];
  }

  status(core) {
    const { index } = core;
    return (this.words[index].length ? VLD : 0) | (this.words[1 - index].length < DEPTH ? RDY : 0) | this.sticky[index];
  }

  clearSticky(core) {
    this.sticky[core.index] = 0;
    this.#updateInterrupts();
  }

  read(core) {
    const word = this.words[core.index].shift();
    if (word === undefined) this.sticky[core.index] |= ROE;
    this.#updateInterrupts();
    return word ?? 0;
  }

  write(core, word) {
    const words = this.words[1 - core.index];
    if (words.length < DEPTH) words.push(word >>> 0);
    else this.sticky[core.index] |= WOF;
    this.#updateInterrupts();
  }

  #updateInterrupts() {
    for (const core of this.chip.cores) {
      const level = this.words[core.index].length > 0 || this.sticky[core.index] !== 0;
      core.setInterrupt(FIRST_INTERRUPT + core.index, level);
    }
  }
}
