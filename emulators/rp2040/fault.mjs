// An error to which a Cortex-M0+ reacts with a HardFault.

export class Fault extends Error {
  /** `address` is what was accessed, or null. */
  constructor(what, address = null) {
    super(address === null ? what : `${what} at ${hex(address)}`);
    this.address = address;
  }
}

export function hex(number) {
  return `0x${(number >>> 0).toString(16).padStart(8, '0')}`;
}
