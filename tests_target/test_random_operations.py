"""Random operations of the whole public API against the plain model.

100,000 operations on the unix port, 10,000 on a board, which the MPS2 boards share, 500 on a slow one. The model says
what is granted or refused, and with which code. random_operations.py compares the library with it: used frames, peak
and failures of every region after each operation, check() after every hundred. In tests_host/test_model.py hypothesis
chooses the operations.
"""

import sys

from random_numbers import RandomNumbers
from random_operations import RandomOperations
from support import fresh_physmem, scaled
from three_boards import WHICH, share_of

TIMEOUT = 600

OPERATIONS = share_of(scaled(40000, 10000, 500)) if sys.implementation.name == "micropython" else 20000


def test_random_operations_agree_with_the_model():
    """Every outcome is the model's, and at the end nothing is left allocated."""
    operations = RandomOperations(fresh_physmem(), RandomNumbers(1 + WHICH).below)
    operations.run(OPERATIONS)
    print("%d operations: %d calls granted, %d refused" % (OPERATIONS, operations.granted, operations.refused))
    assert operations.granted > OPERATIONS // 4
    assert operations.refused > OPERATIONS // 20
