"""Sees that descriptors 0 to 2 are there, for we may be started without them."""

import os
import sys
from typing import Final

LAST_STANDARD: Final = 2


def occupy_standard_descriptors() -> None:
    """Open the null device for each of standard input, output and error that is closed.

    Otherwise the next socket gets that number: what is printed would go there, and libuv ends the
    process when it is to close one.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= LAST_STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    # Python has none for a descriptor that was closed when it started.
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as we
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - lives as long as we
