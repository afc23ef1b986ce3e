// The USB host at the other end of the board's cable: it configures the serial port (CDC-ACM) and moves its bytes. If
// it has no bytes for an OUT transfer, it leaves the transfer open, as NAKs do. rp2040js' own host completes such a
// transfer at once with no bytes, which never lets the core sleep.

import {
  DataDirection,
  DescriptorType,
  SetupRecipient,
  SetupType,
  createSetupPacket,
  extractEndpointNumbers,
  getDescriptorPacket,
  setDeviceAddressPacket,
  setDeviceConfigurationPacket,
} from './rp2040js.mjs';
import { sendFrames } from './usb_frames.mjs';

const CONFIGURATION_HEADER = 9;
const SET_CONTROL_LINE_STATE = 0x22;
const DTR_AND_RTS = 3;
const PACKET = 64;

export class UsbHost {
  #usb;
  #outgoing = []; // Uint8Arrays to send to the board
  #wanted; // bytes that the board's open OUT transfer accepts, or null
  #descriptors;
  #length; // of all descriptors
  #endpoints;
  #isConfigured;

  /** Connect to the board with this RP2040; call `received` with each Uint8Array that its serial port sends. */
  constructor({ usbCtrl: usb, clock }, received) {
    this.#usb = usb;
    sendFrames(usb, clock);
    this.#forget();
    usb.onUSBEnabled = () => {
      this.#forget();
      usb.resetDevice();
    };
    usb.onResetReceived = () => usb.sendSetupPacket(setDeviceAddressPacket(1));
    usb.onEndpointWrite = (endpoint, data) => {
      if (endpoint === 0) this.#onControl(data);
      else if (endpoint === this.#endpoints.in) received(data);
    };
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.#endpoints.out) return;
      this.#wanted = size;
      this.#pump();
    };
  }

  /** Bytes that were sent but that the board has not taken. */
  get unread() {
    return this.#outgoing;
  }

  send(data) {
    if (data.length) this.#outgoing.push(data);
    this.#pump();
  }

  /** Forget what is known of the device: it has just been connected to the bus. */
  #forget() {
    this.#wanted = null;
    this.#descriptors = [];
    this.#length = null;
    this.#endpoints = { in: -1, out: -1 };
    this.#isConfigured = false;
  }

  /** Answers come in the order of the requests: address, header, all descriptors, configuration, line state. */
  #onControl(data) {
    if (data.length === 0) {
      if (this.#length === null) this.#ask(CONFIGURATION_HEADER);
      else if (!this.#isConfigured) this.#open();
    } else if (this.#length === null) {
      this.#length = data[2] | (data[3] << 8);
      this.#ask(this.#length);
    } else if (this.#descriptors.length < this.#length) {
      this.#descriptors.push(...data);
      if (this.#descriptors.length === this.#length) {
        this.#endpoints = extractEndpointNumbers(this.#descriptors);
        this.#usb.sendSetupPacket(setDeviceConfigurationPacket(1));
      }
    }
  }

  #ask(length) {
    this.#usb.sendSetupPacket(getDescriptorPacket(DescriptorType.Configration, length));
  }

  #open() {
    this.#isConfigured = true;
    this.#usb.sendSetupPacket(
      createSetupPacket({
        dataDirection: DataDirection.HostToDevice,
        type: SetupType.Class,
        recipient: SetupRecipient.Device,
        bRequest: SET_CONTROL_LINE_STATE,
        wValue: DTR_AND_RTS,
        wIndex: 0,
        wLength: 0,
      }),
    );
  }

  #pump() {
    if (this.#wanted === null || !this.#outgoing.length) return;
    const first = this.#outgoing[0];
    const size = Math.min(this.#wanted, first.length, PACKET);
    this.#wanted = null;
    if (size === first.length) this.#outgoing.shift();
    else this.#outgoing[0] = first.subarray(size);
    this.#usb.endpointReadDone(this.#endpoints.out, first.subarray(0, size));
  }
}
