"""Who of an edge goes first on a processor: the threads that answer hits, then all else.

A miss takes Python a hundred times as long as a hit takes a thread of the data plane. On a
processor that both want, the scheduler lets whoever runs go on until the other is owed as much;
with equal shares a thread that has just sent something waits out Python's slice.
"""

import os
import threading
from typing import Final

# A ninth of an ordinary share (sched(7)): where both want all of a processor, a thread of the data
# plane has nine tenths of it, and Python the rest.
NICENESS: Final = 10


def give_way() -> None:
    """Let this thread, and those it starts from now on, go after the threads there are.

    For a process of its own, once: an ordinary user cannot take it back.
    """
    thread = threading.get_native_id()  # Linux keeps niceness by thread
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
