"""`./sluice bench cache-policy`: what share of requests each eviction policy answers."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from benchmarks.sim import traces
from core.cache.eviction import EvictionPolicy
from core.cache.lru import ByteLru
from core.cache.s3_fifo import S3Fifo
from core.cache.w_tinylfu import WTinyLfu

CACHE_OBJECTS: Final = traces.OBJECTS // 10
DEFAULT: Final = "S3-FIFO"
PLAIN: Final = "LRU"
GOAL_TRACE: Final = "zipf, a tenth scan"
GOAL_POINTS: Final = 3.0
REQUESTS: Final = 2_000_000

Policy = EvictionPolicy[int]

POLICIES: Final[Mapping[str, Callable[[int], Policy]]] = {
    "LRU": ByteLru,
    "S3-FIFO": S3Fifo,
    "W-TinyLFU": lambda limit: WTinyLfu[int](limit, entries=limit),
}

TRACES: Final[Mapping[str, Callable[[int], list[int]]]] = {
    "zipf": traces.zipf,
    "zipf, a tenth scan": traces.zipf_with_scan,
    "zipf, one long scan": traces.zipf_then_scan,
    "loop of 1.2 caches": traces.loop,
    "shifting favourites": traces.shifting,
    "viewers of films": traces.viewing,
}


def hits(policy: Policy, requests: Iterable[int]) -> int:
    """Play requests for objects of one byte; count those that found theirs."""
    found = 0
    for key in requests:
        if key in policy:
            policy.touch(key)
            found += 1
        else:
            policy.admit(key, 1)
    return found


def shares(requests: Sequence[int]) -> dict[str, float]:
    """Let every policy serve the same requests; the share of hits of each."""
    return {
        name: hits(make(CACHE_OBJECTS), requests) / len(requests) for name, make in POLICIES.items()
    }


def points_over_plain(by_policy: Mapping[str, float]) -> float:
    """By how many percentage points the default is better than LRU."""
    return (by_policy[DEFAULT] - by_policy[PLAIN]) * 100


def main(words: Sequence[str]) -> int:
    """Print the table; 1 when the default policy misses its goal."""
    parser = argparse.ArgumentParser(prog="./sluice bench cache-policy", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each trace (2000000)")
    parser.add_argument("--traces", nargs="+", choices=list(TRACES), default=list(TRACES))
    options = parser.parse_args(words)
    print(
        f"share of hits; {options.requests} requests for {traces.OBJECTS} equal objects, "
        f"of which {CACHE_OBJECTS} fit\n"
    )
    print(f"{'':<22}" + "".join(f"{name:>12}" for name in POLICIES) + f"{'seconds':>10}")
    gained = None
    for name in options.traces:
        begun_s = time.monotonic()
        found = shares(TRACES[name](options.requests))
        cells = "".join(f"{share * 100:>11.2f}%" for share in found.values())
        print(f"{name:<22}{cells}{time.monotonic() - begun_s:>10.1f}", flush=True)
        if name == GOAL_TRACE:
            gained = points_over_plain(found)
    return 0 if gained is None else judged(gained)


def judged(gained: float) -> int:
    """Say whether the goal is met; 1 when it is not."""
    verdict = "kept" if gained >= GOAL_POINTS else "MISSED"
    print(
        f"\n{DEFAULT} over {PLAIN} on “{GOAL_TRACE}”: {gained:+.2f} points; "
        f"goal {GOAL_POINTS:+.0f}: {verdict}"
    )
    return 0 if gained >= GOAL_POINTS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
