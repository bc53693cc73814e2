"""Requests to simulate: numbers of objects in the order in which they are asked for."""

import random
from itertools import accumulate, cycle, islice
from typing import Final

OBJECTS: Final = 100_000
SKEW: Final = 0.9
SEED: Final = 1
# One in so many requests belongs to the scan.
SCAN_EVERY: Final = 10


def zipf(requests: int, seed: int = SEED, objects: int = OBJECTS) -> list[int]:
    """Ask for object k, from 0, in proportion to 1 / (k + 1) ** 0.9, each time anew."""
    weights = list(accumulate((rank + 1) ** -SKEW for rank in range(objects)))
    return random.Random(seed).choices(range(objects), cum_weights=weights, k=requests)


def zipf_with_scan(requests: int) -> list[int]:
    """Zipf, and every tenth request is the next object of a pass over those nobody else wants."""
    popular = iter(zipf(requests - requests // SCAN_EVERY))
    scanned = iter(range(OBJECTS, OBJECTS + requests))
    return [
        next(scanned) if number % SCAN_EVERY == SCAN_EVERY - 1 else next(popular)
        for number in range(requests)
    ]


def zipf_then_scan(requests: int) -> list[int]:
    """The same requests, the pass in one piece in the middle: a back-up, or a crawler."""
    length = requests // SCAN_EVERY
    popular = zipf(requests - length)
    middle = len(popular) // 2
    return [*popular[:middle], *range(OBJECTS, OBJECTS + length), *popular[middle:]]


def loop(requests: int) -> list[int]:
    """Ask for a fifth more objects than fit, in turn, again and again."""
    return list(islice(cycle(range(OBJECTS // 10 * 12 // 10)), requests))


def shifting(requests: int) -> list[int]:
    """Zipf whose favourites change: every 2 % of the requests 500 objects are new at the top."""
    phase = max(1, requests // 50)
    ranks = zipf(requests)
    return [(rank - number // phase * 500) % OBJECTS for number, rank in enumerate(ranks)]


def viewing(requests: int) -> list[int]:
    """What 500 viewers ask for: films by Zipf, 200 segments in order, most stop early."""
    dice = random.Random(SEED)
    films = OBJECTS // 200
    choice = iter(zipf(requests, seed=SEED + 1, objects=films))
    viewers: list[tuple[int, int]] = [(0, 0)] * 500
    asked: list[int] = []
    while len(asked) < requests:
        who = dice.randrange(len(viewers))
        at, stop = viewers[who]
        if at == stop:
            first = next(choice) * 200
            at, stop = first, first + min(200, 1 + int(dice.expovariate(1 / 60)))
        asked.append(at)
        viewers[who] = (at + 1, stop)
    return asked
