import os
import subprocess
import sys
import time

import pytest

from benchmarks.load.accounting import (
    TICKS_PER_S,
    ProcessStat,
    cpu_s,
    family,
    parse_core_busy_s,
    parse_rss_bytes,
    parse_stat,
    process_tree,
    rss_bytes,
)

STAT = (
    "4321 (a (very) odd) name) S 77 4321 4321 0 -1 4194560 2061 0 5 0 250 150 9 9 20 0 4 0 "
    "9200 250000000 1500 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 0 0 0 0 0\n"
)
ROLLUP = """\
00400000-7fff0000 ---p 00000000 00:00 0                                  [rollup]
Rss:               19428 kB
Pss:                8123 kB
Shared_Clean:       9000 kB
"""
CORES = """\
cpu  900 0 500 9000 10 0 90 0 0 0
cpu0 500 10 300 4000 5 2 60 7 0 0
cpu1 400 0 200 5000 5 0 30 0 0 0
intr 12345
"""


def test_a_command_may_have_parentheses_in_its_name() -> None:
    assert parse_stat(STAT) == ProcessStat(4321, "a (very) odd) name", "S", 77, 400 / TICKS_PER_S)


def test_what_is_resident_is_read_in_bytes() -> None:
    assert parse_rss_bytes(ROLLUP) == 19428 * 1024


def test_a_rollup_without_it_is_refused() -> None:
    with pytest.raises(ValueError, match="Rss"):
        parse_rss_bytes("Pss: 1 kB\n")


def test_a_core_is_busy_with_all_but_idling_waiting_and_being_stolen() -> None:
    assert parse_core_busy_s(CORES, 0) == (500 + 10 + 300 + 2 + 60) / TICKS_PER_S
    with pytest.raises(ValueError, match="core 2"):
        parse_core_busy_s(CORES, 2)


def test_a_family_is_a_process_its_children_and_theirs() -> None:
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1}
    stats = [ProcessStat(pid, "x", "S", parent, 0.0) for pid, parent in parents.items()]
    assert family(stats, 10) == {10, 11, 12, 13}


def test_a_child_of_ours_is_in_our_tree_with_its_time_and_memory() -> None:
    code = "print('up', flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in process_tree(os.getpid())
        assert rss_bytes(child.pid) > 2**20
        before_s = cpu_s(child.pid)
        deadline_s = time.monotonic() + 20
        while cpu_s(child.pid) - before_s < 0.01 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert cpu_s(child.pid) - before_s >= 0.01
        child.kill()


def test_our_own_time_is_the_same_by_either_clock() -> None:
    assert cpu_s(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)
