// What this program uses of npm's rp2040js, imported by path from the folder where make installs it: the package
// exports only a part of this by name.

const folder = new URL('../../build/rp2040/node_modules/rp2040js/dist/esm/', import.meta.url);
const load = (file) => import(new URL(file, folder));

export const { RP2040 } = await load('rp2040.js');
export const { CortexM0Core } = await load('cortex-m0-core.js');
export const { RPPPB } = await load('peripherals/ppb.js');
export const { RPDMA, RPDMAChannel } = await load('peripherals/dma.js');
export const { RPPSM } = await load('peripherals/psm.js');
export const { RPSIO } = await load('sio.js');
export const { extractEndpointNumbers } = await load('usb/cdc.js');
export const { createSetupPacket, getDescriptorPacket, setDeviceAddressPacket, setDeviceConfigurationPacket } =
  await load('usb/setup.js');
export const { DataDirection, DescriptorType, SetupRecipient, SetupType } = await load('usb/interfaces.js');
