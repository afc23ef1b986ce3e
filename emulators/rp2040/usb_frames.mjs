// The start-of-frame packet that a USB host sends every millisecond, for a device that has enabled its interrupt
// (RP2040 datasheet 4.1.4, INTE.DEV_SOF and SOF_RD). rp2040js has it for hosts only, but MicroPython waits for some of
// these packets before it sends what it printed while the serial port was closed.

const FRAME = 1e6; // nanoseconds
const SOF_RD = 0x48;
const INTE = 0x90;
const DEV_SOF = 1 << 17;

export function sendFrames(usb, clock) {
  const alarm = clock.createAlarm(() => {
    usb.sofFrameNumber = (usb.sofFrameNumber + 1) & 0x7ff;
    usb.intRaw |= DEV_SOF;
    usb.checkInterrupts();
    alarm.schedule(FRAME);
  });
  const read = usb.readUint32.bind(usb);
  usb.readUint32 = (offset) => {
    if (offset === SOF_RD && usb.intRaw & DEV_SOF) {
      usb.intRaw &= ~DEV_SOF;
      usb.checkInterrupts();
    }
    return read(offset);
  };
  const write = usb.writeUint32.bind(usb);
  usb.writeUint32 = (offset, value) => {
    write(offset, value);
    const isWanted = (usb.intEnable & DEV_SOF) !== 0;
    if (offset === INTE && isWanted !== alarm.scheduled) {
      if (isWanted) alarm.schedule(FRAME);
      else alarm.cancel();
    }
  };
}
