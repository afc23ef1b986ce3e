"""The USB controller as a device (RP2350 datasheet 12.7): its memory with the buffers of the endpoints, and its
registers.

Packets pass at once when both sides are ready; `host` (usb_host.py) is the other side. Not modelled: host mode,
isochronous transfers, errors on the bus, suspend and resume, the bits that single buffers raise when they are NAKed.
"""

from block import Block

SETUP_PACKET = 8  # bytes, at the start of the memory
BUFFER_CONTROLS, CONTROLS_END = 0x80, 0x100  # before them, from 8 on, are the endpoints' own controls
ENDPOINT_0_BUFFER = 0x100
BUFFER = 64  # bytes
SIZE = 4096

# Endpoint control (12.7.3.3)
DOUBLE_BUFFERED, BUFFER_ADDRESS = 1 << 30, 0xFC0
# Buffer control (12.7.3.4), of buffer 0; 16 bits further that of buffer 1
LENGTH, AVAILABLE, STALL, FULL = 0x3FF, 1 << 10, 1 << 11, 1 << 15

SOF_RD, SIE_CTRL, SIE_STATUS, BUFF_STATUS = 0x48, 0x4C, 0x50, 0x58
EP_ABORT, EP_ABORT_DONE, INTR, INTE, INTF, INTS = 0x60, 0x64, 0x8C, 0x90, 0x94, 0x98
PULLUP_EN = 1 << 16  # of SIE_CTRL
VBUS_DETECTED, CONNECTED, SETUP_REC, BUS_RESET = 1 << 0, 1 << 16, 1 << 17, 1 << 19  # of SIE_STATUS
INT_BUFF_STATUS, INT_BUS_RESET, INT_SETUP, INT_SOF = 1 << 4, 1 << 12, 1 << 16, 1 << 17
INTERRUPT = 14  # USBCTRL_IRQ
FRAME_NUMBERS = 1 << 11


class UsbMemory(Block):
    """The 4 KiB of memory; a write to a buffer control calls `armed`(endpoint, is_in)."""

    HAS_BYTE_LANES = True

    def __init__(self):
        self.armed = lambda endpoint, is_in: None
        super().__init__()

    def reset(self):
        super().reset()
        self.bytes = bytearray(SIZE)

    def peek(self, offset):
        return int.from_bytes(self.bytes[offset : offset + 4], "little")

    def write(self, offset, value):
        self.bytes[offset : offset + 4] = value.to_bytes(4, "little")
        if BUFFER_CONTROLS <= offset < CONTROLS_END:
            self.armed((offset - BUFFER_CONTROLS) // 8, not offset & 4)

    def put(self, offset, value):
        """Write a word as the controller: it arms nothing."""
        self.bytes[offset : offset + 4] = value.to_bytes(4, "little")


class UsbController(Block):
    """The registers."""

    ACT_ON_ONES = frozenset({SIE_STATUS, BUFF_STATUS, EP_ABORT_DONE})

    def __init__(self, memory, host, interrupt):
        self._memory, self._host, self._interrupt = memory, host, interrupt
        memory.armed = self._armed
        super().__init__()
        host.connect(self)

    def reset(self):
        super().reset()
        self._memory.reset()
        self._buffers_done = self._events = 0  # BUFF_STATUS; BUS_RESET and SETUP_REC of SIE_STATUS
        self._has_frame = False
        self._frame = 0
        self._host.unplugged()
        self._update()

    # ---- registers

    @property
    def wants_frames(self):
        """Whether the start of a frame is an interrupt."""
        return bool(super().peek(INTE) & INT_SOF)

    @property
    def is_plugged(self):
        """Whether the pull-up tells the host that a device is there."""
        return bool(super().peek(SIE_CTRL) & PULLUP_EN)

    def peek(self, offset):
        if offset == SIE_STATUS:
            return self._events | VBUS_DETECTED | (CONNECTED if self.is_plugged else 0)
        if offset == BUFF_STATUS:
            return self._buffers_done
        if offset == SOF_RD:
            return self._frame
        if offset == EP_ABORT_DONE:
            return super().peek(EP_ABORT)
        if offset == INTR:
            return self._raised()
        return self._status() if offset == INTS else super().peek(offset)

    def read(self, offset):
        value = self.peek(offset)
        if offset == SOF_RD:
            self._has_frame = False
            self._update()
        return value

    def write(self, offset, value):
        was_plugged = self.is_plugged
        if offset == BUFF_STATUS:
            self._buffers_done &= ~value
        elif offset == SIE_STATUS:
            self._events &= ~value
        else:
            super().write(offset, value)
        self._update()
        if self.is_plugged and not was_plugged:
            self._host.plugged()
        elif was_plugged and not self.is_plugged:
            self._host.unplugged()
        elif offset == INTE:
            self._host.schedule()

    def _raised(self):
        return (
            (INT_BUFF_STATUS if self._buffers_done else 0)
            | (INT_BUS_RESET if self._events & BUS_RESET else 0)
            | (INT_SETUP if self._events & SETUP_REC else 0)
            | (INT_SOF if self._has_frame else 0)
        )

    def _status(self):
        return self._raised() & super().peek(INTE) | super().peek(INTF)

    def _update(self):
        self._interrupt(INTERRUPT, self._status() != 0)

    # ---- what the host does

    @property
    def is_being_reset(self):
        """Whether the device has not yet taken note of the reset of its bus."""
        return bool(self._events & BUS_RESET)

    def reset_bus(self):
        """Reset the bus, as the host does with a device that it has found."""
        self._events |= BUS_RESET
        self._update()

    def start_frame(self):
        """Start the next frame of a millisecond."""
        self._frame = (self._frame + 1) % FRAME_NUMBERS
        self._has_frame = True
        self._update()

    def send_setup(self, packet):
        """Send the SETUP *packet* to endpoint 0."""
        self._memory.bytes[:SETUP_PACKET] = packet
        self._events |= SETUP_REC
        self._update()

    def room(self, endpoint):
        """Return how many bytes the device accepts from the host at *endpoint*, None if it is not ready."""
        control = self._memory.peek(_control_of(endpoint, False))
        return control & LENGTH if control & AVAILABLE else None

    def send(self, endpoint, data):
        """Send *data* to *endpoint*. There must be `room`."""
        start = self._buffer(endpoint, False)
        self._memory.bytes[start : start + len(data)] = data
        at = _control_of(endpoint, False)
        control = self._memory.peek(at)
        self._memory.put(at, control & ~(AVAILABLE | LENGTH) | FULL | len(data))
        self._done(endpoint, False)

    # ---- what the device does

    def _armed(self, endpoint, is_in):
        """The device has written a buffer control."""
        if not is_in:
            if self.room(endpoint) is not None:
                self._host.ready(endpoint)
            return
        at = _control_of(endpoint, True)
        is_double = endpoint and self._memory.peek(8 * endpoint) & DOUBLE_BUFFERED
        packets = []
        for number in range(2 if is_double else 1):
            shift = 16 * number
            control = self._memory.peek(at) >> shift
            if control & STALL and not endpoint:
                self._host.stalled()
                return
            if not control & AVAILABLE or not control & FULL:
                break
            start = self._buffer(endpoint, True) + number * BUFFER
            packets.append(bytes(self._memory.bytes[start : start + (control & LENGTH)]))
            self._memory.put(at, self._memory.peek(at) & ~((AVAILABLE | FULL) << shift))
        if packets:
            self._done(endpoint, True)
        for packet in packets:
            self._host.received(endpoint, packet)

    def _buffer(self, endpoint, is_in):
        if not endpoint:
            return ENDPOINT_0_BUFFER
        return self._memory.peek(8 * endpoint + (0 if is_in else 4)) & BUFFER_ADDRESS

    def _done(self, endpoint, is_in):
        self._buffers_done |= 1 << 2 * endpoint + (0 if is_in else 1)
        self._update()


def _control_of(endpoint, is_in):
    """Return the offset of a buffer control."""
    return BUFFER_CONTROLS + 8 * endpoint + (0 if is_in else 4)
