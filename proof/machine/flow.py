"""How control flows through the machine code: the order of its instructions, where paths join, which registers count.

None of this is trusted: a wrong order or a wrong join costs time, and a register that is forgotten too early becomes
unknown, which can only make a proof fail.
"""

from proof.machine.thumb import LR, PC

_ALL = frozenset(range(13)) | {LR}
_SAVED = 0b11110000  # r4 to r7 in the list of a push or pop
_RETURNED = frozenset({0, 8, 9, 10, 11})  # what the caller reads when these have been restored


def registers_of(first, second):
    """Return (read, written) sets of register numbers of an instruction."""
    top = first >> 12
    low, middle, high = first & 7, first >> 3 & 7, first >> 6 & 7
    if first >> 11 <= 2:
        return {middle}, {low}
    if first >> 11 == 3:
        return {middle} | (set() if first >> 10 & 1 else {high}), {low}
    if top in (2, 3):
        register, kind = first >> 8 & 7, first >> 11 & 3
        return (set() if kind == 0 else {register}), (set() if kind == 1 else {register})
    if first >> 10 == 0b010000:
        kind = first >> 6 & 15
        return ({middle} if kind in (9, 15) else {low, middle}), (set() if kind in (8, 10, 11) else {low})
    if first >> 10 == 0b010001:
        source, target, kind = first >> 3 & 15, first & 7 | first >> 4 & 8, first >> 8 & 3
        if kind == 3 or target == PC:
            return {source}, set()
        return ({source} if kind == 2 else {source, target}), (set() if kind == 1 else {target})
    if top in (6, 7, 8):
        is_load = first >> 11 & 1
        return ({middle} if is_load else {middle, low}), ({low} if is_load else set())
    if top == 9:
        register = first >> 8 & 7
        return (set(), {register}) if first >> 11 & 1 else ({register}, set())
    if top == 11:
        listed = {number for number in range(8) if first >> number & 1}
        if first >> 9 == 0b1011010:
            return listed | ({LR} if first >> 8 & 1 else set()), set()
        return (set(), listed) if first >> 9 == 0b1011110 else (set(), set())
    if top == 12:
        base, listed = first >> 8 & 7, {number for number in range(8) if first >> number & 1}
        return ({base}, listed | {base}) if first >> 11 & 1 else (listed | {base}, {base})
    if first == 0xF3EF:
        return set(), {second >> 8 & 15}
    if first >> 11 == 0b11110 and second >> 14 == 3:
        return set(), {LR}
    return set(), set()


class Flow:
    """`order`: {address: number}; `joins`: addresses where paths come together; `live`: {address: registers that are
    read later}. Addresses are bytes from the start of the Function; `subroutines` are labels that are called and
    return.
    """

    def __init__(self, function, subroutines):
        self._function = function
        self._code = function.code
        self._subroutines = {function.labels[name] for name in subroutines}
        self._returns = {}  # behind a call -> what is called
        self.order = self._order([0, *sorted(function.labels.values())])
        self._inside = {start: self._reached(start) for start in self._subroutines}
        self.joins = self._joins()
        self.live = self._live()

    def _halves(self, address):
        code = self._code
        first = code[address] | code[address + 1] << 8
        second = code[address + 2] | code[address + 3] << 8 if address + 3 < len(code) else 0
        return first, second

    def successors(self, address):
        """Return where control may go from an instruction: as far as its bytes say."""
        first, second = self._halves(address)
        if first >> 12 == 13:
            distance = (first & 255) - ((first & 128) << 1)
            return [address + 2, address + 4 + 2 * distance]
        if first >> 11 == 0b11100:
            return [address + 4 + 2 * ((first & 0x7FF) - ((first & 0x400) << 1))]
        if first >> 11 == 0b11110 and second >> 14 == 3:
            sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
            distance = (first & 0x3FF) << 12 | (second & 0x7FF) << 1
            distance |= (1 - (j1 ^ sign)) << 23 | (1 - (j2 ^ sign)) << 22
            to = address + 4 + distance - (sign << 24)
            if to in self._subroutines:
                self._returns[address + 4] = to
                return [address + 4]
            return [to, address + 4]
        if first >> 11 in (0b11101, 0b11110, 0b11111):
            return [address + 4]
        is_end = first & 0xFF00 == 0xBD00 or first >> 7 == 0b010001110 or first & 0xFF87 == 0x4687
        return [] if is_end else [address + 2]

    def _order(self, roots):
        seen, finished = set(), []
        for root in reversed(roots):
            waiting = [(root, False)]
            while waiting:
                address, is_done = waiting.pop()
                if is_done:
                    finished.append(address)
                elif address not in seen and 0 <= address < len(self._code) - 1:
                    seen.add(address)
                    waiting.append((address, True))
                    waiting += [(other, False) for other in self.successors(address)]
        return {address: number for number, address in enumerate(reversed(finished))}

    def _reached(self, start):
        """Return the addresses of the subroutine at `start`."""
        reached, waiting = set(), [start]
        while waiting:
            address = waiting.pop()
            if address in self.order and address not in reached:
                reached.add(address)
                waiting += self.successors(address)
        return reached

    def _behind(self, address, live):
        """Return the registers that are read after a subroutine has returned with the instruction at the address."""
        callers = [back for back, called in self._returns.items() if address in self._inside[called]]
        return frozenset().union(*(live.get(back, _ALL) for back in callers)) if callers else _ALL

    def _joins(self):
        joins = set(self._returns) | self._subroutines
        for address in self.order:
            followers = self.successors(address)
            first, _ = self._halves(address)
            if first >> 12 == 13 or first >> 11 == 0b11100 or len(followers) > 1:
                joins.update(followers)
        return joins | set(self._function.labels.values())

    def _live(self):
        live = {address: frozenset() for address in self.order}
        is_changed = True
        addresses = sorted(self.order, key=self.order.get, reverse=True)
        while is_changed:
            is_changed = False
            for address in addresses:
                first, second = self._halves(address)
                read, written = registers_of(first, second)
                after = frozenset().union(*(live.get(other, _ALL) for other in self.successors(address)))
                if first & 0xFF00 == 0xBD00:
                    after = _RETURNED if first & _SAVED == _SAVED else _ALL
                elif first >> 7 == 0b010001110:
                    after = self._behind(address, live)
                elif first & 0xFF87 in (0x4487, 0x4687):
                    after = _ALL
                elif first >> 11 == 0b11110 and second >> 14 == 3:
                    after = _ALL if not self._calls(address) else after | live.get(self._called(address), _ALL)
                    written = set()
                new = frozenset(after - written | read)
                if new != live[address]:
                    live[address] = new
                    is_changed = True
        return live

    def _called(self, address):
        first, second = self._halves(address)
        sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
        distance = (first & 0x3FF) << 12 | (second & 0x7FF) << 1
        distance |= (1 - (j1 ^ sign)) << 23 | (1 - (j2 ^ sign)) << 22
        return address + 4 + distance - (sign << 24)

    def _calls(self, address):
        return self._called(address) in self._subroutines
