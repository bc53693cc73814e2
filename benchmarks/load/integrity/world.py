"""What the upstream serves, now and before: bodies that change from version to version."""

import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
# Around every border there is: small answers, the heap, sendfile, pages, slices.
SIZES: Final = (
    0, 1, 100, 4095, 4096, 4097, 8 * KIB, 8 * KIB + 1, 64 * KIB, 64 * KIB + 1, 128 * KIB + 1,
    300_000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3_300_000,
)  # fmt: skip
POLICIES: Final = (
    "max-age=600",
    "max-age=1, stale-while-revalidate=5",
    "max-age=600, stale-if-error=60",
    "no-cache",
    "no-store",
)


@lru_cache(maxsize=256)
def body_of(seed: int, number: int, version: int) -> bytes:
    """The bytes of one version of an object; the same seed makes the same ones."""
    dice = random.Random(f"{seed} {number} {version}")
    return dice.randbytes(dice.choice(SIZES))


@dataclass(slots=True)
class World:
    """The present version of every object, and the oldest that may still be served."""

    seed: int
    objects: int
    versions: list[int] = field(init=False)
    floors: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.versions = [0] * self.objects
        self.floors = [0] * self.objects

    def path(self, number: int) -> str:
        """Where an object is."""
        return f"/media/p_world/{number}.m4s"

    def body(self, number: int, version: int) -> bytes:
        """The bytes of a version."""
        return body_of(self.seed, number, version)

    def tag(self, number: int, version: int) -> str:
        """A strong validator that says which version it is of."""
        return f'"{number}-{version}"'

    def policy(self, number: int) -> str:
        """How an object may be stored."""
        return POLICIES[number % len(POLICIES)] if number % 3 == 0 else POLICIES[0]

    def change(self, number: int) -> None:
        """Give an object a new version."""
        self.versions[number] += 1

    def purged(self, floors: dict[int, int]) -> None:
        """A purge was acknowledged: what was older when it was asked for may not come again."""
        for number, floor in floors.items():
            self.floors[number] = max(self.floors[number], floor)
