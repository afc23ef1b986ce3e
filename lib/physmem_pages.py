"""RuVix' pages, orders and addresses: values, without an allocator.

A *page* is 4,096 bytes. A block of *order* k is 2**k pages, k from 0 to 9, at an address that is a multiple of its
size. Two blocks of order k are *buddies* if together they form one block of order k + 1.

Where this differs from RuVix: an address that leaves a block or an allocator is an int, so that you can give it to
`uctypes`, a DMA channel or C code, which would take a PhysAddr for a pointer to somewhere else. Each call takes an
int or a PhysAddr; ``PhysAddr(addr)`` has the vocabulary.
"""

from physmem_errors import integer, mistake, wrong_type

PAGE_SIZE = 4096
"""Bytes in a page."""
PAGE_SHIFT = 12
"""Base-2 logarithm of PAGE_SIZE."""
MIN_ORDER = 0
"""The smallest order: one page."""
MAX_ORDER = 10
"""The number of orders, as in RuVix: the largest order is 9."""
MAX_BLOCK_PAGES = 512
"""Pages in the largest block."""
MAX_BLOCK_SIZE = 2097152
"""Bytes in the largest block: 2 MiB."""

_ADDRESSES = 1 << 64  # addresses are u64
_ORDERS = 64 - PAGE_SHIFT  # the order of a block that fills the address space


_INTEGERS = (int, bool)  # MicroPython's bool is not an int


def number_of(value, name, kind):
    """Return the number of `value`, an integer or a `kind`; otherwise raise a TypeError that calls it `name`."""
    if isinstance(value, kind):
        return value._value
    if not isinstance(value, _INTEGERS):
        wrong_type(name, kind._wanted, value)
    return int(value)


def address_of(value, name="addr"):
    """Return an address, given as an integer or a PhysAddr, as an integer; AddressOutOfRange unless below 2**64."""
    value = number_of(value, name, PhysAddr)
    if not 0 <= value < _ADDRESSES:
        mistake("AddressOutOfRange", "{} {:#x} does not fit in 64 bits: give 0 or more, below 2**64", name, value)
    return value


def order_of(value):
    """Return an order, given as an integer or a PageOrder, as an integer; InvalidOrder unless it is 0 to 52."""
    value = number_of(value, "order", PageOrder)
    if not 0 <= value <= _ORDERS:
        mistake("InvalidOrder", "order {} does not exist: give 0 to {}", value, _ORDERS)
    return value


def pages_to_order(pages):
    """Return the order of the smallest block that holds `pages` pages; 0 for 0 pages.

    The result may be MAX_ORDER or more, although no block is that large. InvalidOrder if `pages` is negative.
    """
    if integer(pages, "pages") < 0:
        mistake("InvalidOrder", "{} pages have no order: give 0 or more", pages)
    order = 0
    while 1 << order < pages:
        order += 1
    return order


def order_to_pages(order):
    """Return the number of pages in a block of `order`, which may exceed what exists: 0 to 52, else InvalidOrder."""
    return 1 << order_of(order)


def order_to_bytes(order):
    """Return the number of bytes in a block of `order`, which may exceed what exists: 0 to 52, else InvalidOrder."""
    return PAGE_SIZE << order_of(order)


def is_page_aligned(addr):
    """Return whether `addr`, an integer or a PhysAddr, is a multiple of PAGE_SIZE."""
    return address_of(addr) & (PAGE_SIZE - 1) == 0


def align_down(addr):
    """Return the last multiple of PAGE_SIZE that is not above `addr`, as an integer."""
    addr = address_of(addr)
    return addr - (addr & (PAGE_SIZE - 1))


def align_up(addr):
    """Return the first multiple of PAGE_SIZE that is not below `addr`, as an integer.

    AddressOutOfRange inside the last page of the 64-bit range, where the result would be 2**64 (RuVix overflows).
    """
    addr = address_of(addr)
    return address_of(addr + (-addr & (PAGE_SIZE - 1)))


class _Number:
    """A number with a meaning: it is equal to, and ordered with, its own kind only."""

    def _of(self, other):
        """Return the number of `other`; TypeError if it is of another kind."""
        if type(other) is not type(self):
            raise TypeError(
                "cannot compare a %s with a %s: give two of a kind" % (type(self).__name__, type(other).__name__)
            )
        return other._value

    def __eq__(self, other):
        return type(other) is type(self) and self._value == other._value

    def __lt__(self, other):
        return self._value < self._of(other)

    def __le__(self, other):
        return self._value <= self._of(other)

    def __gt__(self, other):
        return self._value > self._of(other)

    def __ge__(self, other):
        return self._value >= self._of(other)

    def __hash__(self):
        return hash(self._value)

    def __int__(self):
        return self._value


class PhysAddr(_Number):
    """A physical address in bytes, 0 <= address < 2**64: a value, compared and hashed by its number.

    It is equal to, and ordered with, the int of an address, which is what `BuddyAllocator` and `PageFrame` return. Give
    C code and `uctypes` an int, ``int(addr)``: they take the object itself for memory. Arithmetic returns a PhysAddr. A
    result outside the range is AddressOutOfRange (RuVix overflows).
    """

    _wanted = "an int or a PhysAddr"  # for errors

    def __init__(self, addr):
        self._value = address_of(addr)

    def _of(self, other):
        return other if isinstance(other, _INTEGERS) else _Number._of(self, other)

    def __eq__(self, other):
        return (isinstance(other, _INTEGERS) and self._value == other) or _Number.__eq__(self, other)

    def __hash__(self):
        return hash(self._value)

    @staticmethod
    def new(addr):
        """Return the PhysAddr of `addr`, an integer or a PhysAddr."""
        return PhysAddr(addr)

    @staticmethod
    def from_pfn(pfn):
        """Return the PhysAddr at which page `pfn` starts; pages are counted from address 0."""
        if not 0 <= integer(pfn, "pfn") < _ADDRESSES >> PAGE_SHIFT:
            mistake("AddressOutOfRange", "pfn {:#x} does not fit in 52 bits: give 0 or more, below 2**52", pfn)
        return PhysAddr(pfn * PAGE_SIZE)

    def as_u64(self):
        """Return the address as an integer; so does ``int(addr)``."""
        return self._value

    def pfn(self):
        """Return the number of the page that contains the address, counted from address 0."""
        return self._value >> PAGE_SHIFT

    def page_offset(self):
        """Return the offset of the address in its page, in bytes."""
        return self._value & (PAGE_SIZE - 1)

    def is_page_aligned(self):
        """Return whether a page starts at the address."""
        return is_page_aligned(self)

    def is_order_aligned(self, order):
        """Return whether a block of `order` can start at the address, that is, whether it is a multiple of its size."""
        return self._value & (order_to_bytes(order) - 1) == 0

    def is_null(self):
        """Return whether the address is 0."""
        return self._value == 0

    def align_down(self):
        """Return the PhysAddr at which the page that contains the address starts."""
        return PhysAddr(align_down(self))

    def align_up(self):
        """Return the address itself if a page starts there, else the start of the next page."""
        return PhysAddr(align_up(self))

    def add_pages(self, pages):
        """Return the PhysAddr `pages` pages above."""
        return self._moved(integer(pages, "pages") * PAGE_SIZE, "pages", pages)

    def sub_pages(self, pages):
        """Return the PhysAddr `pages` pages below."""
        return self._moved(-integer(pages, "pages") * PAGE_SIZE, "pages", pages)

    def add_bytes(self, nbytes):
        """Return the PhysAddr `nbytes` bytes above."""
        return self._moved(integer(nbytes, "nbytes"), "nbytes", nbytes)

    def _moved(self, distance, name, given):
        """Return the PhysAddr `distance` bytes above; errors say that the argument `name` was `given`."""
        addr = self._value + distance
        if not 0 <= addr < _ADDRESSES:
            sentence = "{} {} from {:#x} is {:#x}, which does not fit in 64 bits: give less"
            mistake("AddressOutOfRange", sentence, name, given, self._value, addr)
        return PhysAddr(addr)

    def pages_to(self, other):
        """Return the number of whole pages from the address up to `other`; 0 if `other` is below."""
        return max(0, address_of(other, "other") - self._value) >> PAGE_SHIFT

    def is_in_range(self, start, end):
        """Return whether the address is at or above `start` and below `end`."""
        return address_of(start, "start") <= self._value < address_of(end, "end")

    def __add__(self, nbytes):
        if not isinstance(nbytes, _INTEGERS):
            return NotImplemented
        return PhysAddr(self._value + nbytes)

    def __sub__(self, other):
        """Return the PhysAddr `other` bytes below, or the bytes from the PhysAddr `other` up to here: 0 if it is above,
        as in RuVix."""
        if isinstance(other, PhysAddr):
            return max(0, self._value - other._value)
        if not isinstance(other, _INTEGERS):
            return NotImplemented
        return PhysAddr(self._value - other)

    def __str__(self):
        return "{:#x}".format(self._value)

    def __repr__(self):
        return "PhysAddr({:#x})".format(self._value)


PhysAddr.NULL = PhysAddr(0)


class PageOrder(_Number):
    """The order of a block that can be allocated, 0 to 9: a value, compared and hashed by its number.

    `PageOrder(order)` raises InvalidOrder where `PageOrder.new(order)`, as in RuVix, returns None. Both check.
    """

    _wanted = "an int or a PageOrder"  # for errors

    def __init__(self, order):
        order = number_of(order, "order", PageOrder)
        if not MIN_ORDER <= order < MAX_ORDER:
            mistake("InvalidOrder", "order {} does not exist: give {} to {}", order, MIN_ORDER, MAX_ORDER - 1)
        self._value = order

    @staticmethod
    def new(order):
        """Return the PageOrder of `order`, an integer or a PageOrder; None unless it is 0 to 9."""
        return PageOrder(order) if MIN_ORDER <= number_of(order, "order", PageOrder) < MAX_ORDER else None

    @staticmethod
    def from_pages(pages):
        """Return the PageOrder of the smallest block with `pages` pages; None for 0 or less and above 512."""
        return PageOrder.new(pages_to_order(pages)) if integer(pages, "pages") > 0 else None

    @staticmethod
    def from_bytes(nbytes):
        """Return the PageOrder of the smallest block with `nbytes` bytes; None for 0 or less and above 2 MiB."""
        return PageOrder.from_pages((integer(nbytes, "nbytes") + PAGE_SIZE - 1) >> PAGE_SHIFT)

    def as_usize(self):
        """Return the order as an integer; so does ``int(order)``."""
        return self._value

    def pages(self):
        """Return the number of pages in a block of this order."""
        return 1 << self._value

    def bytes(self):
        """Return the number of bytes in a block of this order."""
        return PAGE_SIZE << self._value

    def next(self):
        """Return the next larger order; None after 9."""
        return PageOrder.new(self._value + 1)

    def prev(self):
        """Return the next smaller order; None before 0."""
        return PageOrder.new(self._value - 1)

    def __str__(self):
        return "order {}: {} pages, {} bytes".format(self._value, self.pages(), self.bytes())

    def __repr__(self):
        return "PageOrder({})".format(self._value)


PageOrder.MIN = PageOrder(MIN_ORDER)
PageOrder.MAX = PageOrder(MAX_ORDER - 1)


class PageFrame:
    """A block of memory, described by its address and its order: a value, without any right to the memory.

    `addr`, `end_addr` and `buddy_addr` return ints (RuVix: PhysAddr), which C code and `uctypes` can take.
    `addr` is a PhysAddr or an integer; UnalignedAddress if no page starts there (RuVix does not check). It need not be
    aligned to the order, although what an allocator hands out is. `order` is a PageOrder or an integer from 0 to 9.
    """

    def __init__(self, addr, order):
        addr = address_of(addr)
        if addr & (PAGE_SIZE - 1):
            mistake("UnalignedAddress", "addr {:#x} is not a multiple of {}: give the start of a page", addr, PAGE_SIZE)
        self._addr = addr
        self._order = order if isinstance(order, PageOrder) else PageOrder(order)

    @staticmethod
    def new(addr, order):
        """Return the PageFrame of `order` at `addr`."""
        return PageFrame(addr, order)

    @staticmethod
    def single_page(addr):
        """Return the PageFrame of one page at `addr`."""
        return PageFrame(addr, PageOrder.MIN)

    def addr(self):
        """Return the address at which the block starts, an int."""
        return self._addr

    def order(self):
        """Return the PageOrder of the block."""
        return self._order

    def pages(self):
        """Return the size of the block in pages."""
        return self._order.pages()

    def bytes(self):
        """Return the size of the block in bytes."""
        return self._order.bytes()

    def end_addr(self):
        """Return the address one past the block, an int; AddressOutOfRange if that is 2**64."""
        return address_of(self._addr + self.bytes(), "the end of the block")

    def pfn(self):
        """Return the number of the first page, counted from address 0."""
        return self._addr >> PAGE_SHIFT

    def contains(self, addr):
        """Return whether `addr`, a PhysAddr or an integer, lies in the block."""
        return 0 <= address_of(addr) - self._addr < self.bytes()

    def split(self):
        """Return the lower and the upper half as two PageFrames; None at order 0."""
        half = self._order.prev()
        if half is None:
            return None
        return PageFrame(self._addr, half), PageFrame(self._addr + half.bytes(), half)

    def buddy_addr(self):
        """Return the address at which the buddy starts, an int: that of the block with the bit of its size flipped."""
        return self._addr ^ self.bytes()

    def merge(self, buddy):
        """Return the PageFrame that this block and `buddy` form together.

        None if they are not buddies of the same order, or are of order 9 already.
        """
        if not isinstance(buddy, PageFrame):
            wrong_type("buddy", "a PageFrame", buddy)
        if self._order != buddy._order or self.buddy_addr() != buddy._addr:
            return None
        order = self._order.next()
        return order and PageFrame(min(self._addr, buddy._addr), order)

    def __eq__(self, other):
        return isinstance(other, PageFrame) and self._addr == other._addr and self._order == other._order

    def __hash__(self):
        return hash((self._addr, self._order._value))

    def __str__(self):
        return "{:#x}: {} pages".format(self._addr, self.pages())

    def __repr__(self):
        return "PageFrame({:#x}, {!r})".format(self._addr, self._order)
