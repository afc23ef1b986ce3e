"""The USB host at the other end of the board's cable: it configures the serial port (CDC-ACM) and moves its bytes.

It survives the board's resets: then the device disappears from the bus and comes again, and bytes that the board has
not taken yet wait for it. A packet of a frame comes each millisecond while the device wants them or the host has
requests of its own; otherwise the host is silent, so that a board can sleep.
"""

from collections import deque

from clocks import CYCLES

FRAME = 1000  # microseconds
PACKET = 64  # bytes

# Standard requests (USB 2.0 specification, 9.4) and descriptors (9.6), and the one of CDC-ACM (PSTN 1.2, 6.3.12)
TO_DEVICE, FROM_DEVICE, CLASS_TO_INTERFACE = 0x00, 0x80, 0x21
GET_DESCRIPTOR, SET_ADDRESS, SET_CONFIGURATION, SET_CONTROL_LINE_STATE = 6, 5, 9, 0x22
CONFIGURATION, CONFIGURATION_HEADER = 2, 9
INTERFACE, ENDPOINT, CDC_DATA = 4, 5, 10
DTR_AND_RTS = 3


def request(kind, number, value=0, index=0, length=0):
    """Return a SETUP packet."""
    return bytes([kind, number]) + b"".join(word.to_bytes(2, "little") for word in (value, index, length))


class Transfer:
    """A control transfer: its *packet*, and what the device has answered."""

    def __init__(self, packet):
        self.is_in = bool(packet[0] & FROM_DEVICE)
        self.length = int.from_bytes(packet[6:8], "little")
        self.data = b""
        self.is_complete = False  # all data has come, and only the status is missing


class UsbHost:
    """`send` gives it bytes for the board's serial port; *output* gets what the board sends."""

    def __init__(self, chip, output):
        self._chip = chip
        self._output = output or (lambda data: None)
        self._outgoing = deque()  # bytes objects
        self._device = None
        self.next = None  # cycle of the next frame
        self._forget()

    def connect(self, device):
        """Plug the cable into *device*, a UsbController."""
        self._device = device

    def send(self, data):
        """Send *data* to the board; the board takes it when it is ready."""
        if data:
            self._outgoing.append(bytes(data))
        self._pump()

    # ---- what the device does

    def plugged(self):
        """A device has appeared: reset the bus, and configure the device from the next frame on."""
        self._forget()
        self._requests = self._enumerate()
        self._device.reset_bus()
        self.schedule()

    def unplugged(self):
        """The device has disappeared."""
        self._forget()

    def schedule(self):
        """Have a frame come if one is wanted."""
        if self.next is None and (self._requests or self._device.wants_frames):
            self.next = self._chip.now + FRAME * CYCLES
            self._chip.wake_at(self.next)

    def tick(self):
        """Start a frame if it is time."""
        if self.next is None or self._chip.now < self.next:
            return
        self.next = None
        self._device.start_frame()
        if self._requests and self._transfer is None and not self._device.is_being_reset:
            self._ask(None)
        self._pump()
        self.schedule()

    def ready(self, endpoint):
        """The device accepts bytes at *endpoint*."""
        if endpoint == 0:
            self._send_status()
        elif endpoint == self._out:
            self._pump()

    def received(self, endpoint, data):
        """The device has sent *data* from *endpoint*."""
        if endpoint == self._in:
            self._output(data)
        elif endpoint == 0 and self._transfer is not None:
            self._answer(self._transfer, data)

    def stalled(self):
        """The device refuses the request. Go on with the next one."""
        if self._transfer is not None:
            self._ask(b"")

    # ---- control transfers

    def _forget(self):
        self._requests = None  # the generator of what is still to be asked
        self._transfer = None
        self._in = self._out = None  # the endpoints of the serial port
        self._is_configured = False
        self.next = None

    def _enumerate(self):
        yield request(TO_DEVICE, SET_ADDRESS, 1)
        header = yield request(FROM_DEVICE, GET_DESCRIPTOR, CONFIGURATION << 8, 0, CONFIGURATION_HEADER)
        length = int.from_bytes(header[2:4], "little")
        descriptors = yield request(FROM_DEVICE, GET_DESCRIPTOR, CONFIGURATION << 8, 0, length)
        self._find_endpoints(descriptors)
        yield request(TO_DEVICE, SET_CONFIGURATION, 1)
        yield request(CLASS_TO_INTERFACE, SET_CONTROL_LINE_STATE, DTR_AND_RTS)

    def _find_endpoints(self, descriptors):
        is_data = False
        while len(descriptors) > 1 and descriptors[0] > 1:
            kind = descriptors[1]
            if kind == INTERFACE:
                is_data = descriptors[5] == CDC_DATA
            elif kind == ENDPOINT and is_data:
                if descriptors[2] & 0x80:
                    self._in = descriptors[2] & 15
                else:
                    self._out = descriptors[2]
            descriptors = descriptors[descriptors[0] :]

    def _ask(self, answer):
        """Start the next control transfer; *answer* is that of the last one."""
        self._transfer = None
        try:
            packet = self._requests.send(answer)
        except StopIteration:
            self._requests = None
            self._is_configured = self._out is not None
            self._pump()
            return
        self._transfer = Transfer(packet)
        self._device.send_setup(packet)

    def _answer(self, transfer, data):
        if not transfer.is_in:  # the status of what the host has sent
            self._ask(b"")
            return
        transfer.data += data
        if len(data) < PACKET or len(transfer.data) >= transfer.length:
            transfer.is_complete = True
            self._send_status()

    def _send_status(self):
        transfer = self._transfer
        if transfer is None or not transfer.is_complete or self._device.room(0) is None:
            return
        self._device.send(0, b"")
        self._ask(transfer.data)

    # ---- the serial port

    def _pump(self):
        while self._outgoing and self._is_configured:
            room = self._device.room(self._out)
            if room is None:
                return
            data = self._outgoing.popleft()
            size = min(room, PACKET)
            if data[size:]:
                self._outgoing.appendleft(data[size:])
            self._device.send(self._out, data[:size])
