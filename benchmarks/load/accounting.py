"""What the kernel has counted: a server's CPU time and memory, and how busy a core was."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields of /proc/PID/stat that are used here; times in seconds, in steps of a tick."""

    pid: int
    command: str
    state: str
    parent: int
    cpu_s: float


def parse_stat(text: str) -> ProcessStat:
    """Read /proc/PID/stat; the command stands in parentheses and may itself hold some (proc(5))."""
    pid, _, rest = text.partition(" (")
    command, _, fields = rest.rpartition(") ")
    state, parent, *others = fields.split()
    # utime and stime are fields 14 and 15; others begins with field 5.
    ticks = int(others[9]) + int(others[10])
    return ProcessStat(int(pid), command, state, int(parent), ticks / TICKS_PER_S)


def parse_rss_bytes(smaps_rollup: str) -> int:
    """Read the resident bytes of /proc/PID/smaps_rollup, which unlike VmRSS are counted exactly."""
    for line in smaps_rollup.splitlines():
        name, _, value = line.partition(":")
        if name == "Rss":
            return int(value.split()[0]) * 1024
    raise ValueError("smaps_rollup without a line Rss")


def parse_core_busy_s(proc_stat: str, core: int) -> float:
    """Read from /proc/stat how long a core has worked: for anyone, interrupts included."""
    for line in proc_stat.splitlines():
        name, *values = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, values)
            return (user + nice + system + irq + softirq) / TICKS_PER_S
    raise ValueError(f"/proc/stat knows no core {core}")


def family(stats: list[ProcessStat], root: int) -> frozenset[int]:
    """Name a process and all that descend from it."""
    members = {root}
    while True:
        children = {each.pid for each in stats if each.parent in members} - members
        if not children:
            return frozenset(members)
        members |= children


def processes() -> Iterator[ProcessStat]:
    """Every process there is; those that end while we look are left out."""
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield parse_stat(text)


def process_tree(root: int) -> frozenset[int]:
    """A running process and its descendants."""
    return family(list(processes()), root)


def cpu_s(pid: int) -> float:
    """CPU time of a process, user and system, of all its threads, ended ones included.

    It is the clock of clock_getcpuclockid(3): the scheduler's own sum in nanoseconds, of which
    utime + stime of /proc/PID/stat are a copy cut to hundredths of a second. The kernel's work on
    the sockets is in it: what a system call does, and the network's soft interrupts that run on
    the process's time, which on loopback are those of the packets it sends.
    """
    # How Linux numbers the clock of another process: see the kernel's posix-timers.h.
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def rss_bytes(pid: int) -> int:
    """Memory of a process that is resident."""
    return parse_rss_bytes((PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii"))


def core_busy_s(core: int) -> float:
    """How long a core has worked since the machine started."""
    return parse_core_busy_s((PROC / "stat").read_text(encoding="ascii"), core)
