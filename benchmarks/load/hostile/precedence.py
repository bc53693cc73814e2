"""Keeps what is none of a run's business out of its way, as far as this user and kernel allow.

Whatever else the machine does would be measured, too: a process that takes the edge's core for some
milliseconds looks like an edge that stalls, and one that takes the viewers' like a late answer.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FIRST: Final = -20


def put_session_first(leader: int) -> bool:
    """Let a session go before all others, with the kernel's groups by session; whether it does.

    Niceness counts within a session alone there (sched(7), "The autogroup feature").
    """
    with suppress(OSError):
        Path(f"/proc/{leader}/autogroup").write_text(str(FIRST), encoding="ascii")
        return Path("/proc/sys/kernel/sched_autogroup_enabled").read_text("ascii").strip() == "1"
    return False


def put_in_real_time(pid: int) -> bool:
    """Let a process have its core whenever it wants it; whether it does."""
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        return True
    return False
