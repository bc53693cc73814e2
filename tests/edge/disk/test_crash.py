"""Killed at any moment, the next start serves what was stored and nothing that was purged."""

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import Opened, body, tags_of
from tests.fixtures.disk_child import LIMIT_BYTES, RESOURCES

REPOSITORY = Path(__file__).parents[3]
ROUNDS = int(os.environ.get("SLUICE_TEST_KILLS", "12"))
# A machine may leave a process hardly any time between its kill and its first write on the disk.
MOST_ROUNDS = 10 * ROUNDS
ENOUGH = 100


@dataclass
class Model:
    """What may be on the disk, as far as the killed processes said."""

    version: int = 0
    written: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    gone: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    stale: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    begun: list[list[str]] = field(default_factory=list)

    def hear(self, line: str) -> None:
        word, *rest = line.split()
        match word:
            case "writing":
                self.version = int(rest[1])
                self.written[rest[0]].add(self.version)
            case "purging":
                self.begun.append(rest)
            case "purged":
                self.apply(rest)
            case _:
                raise AssertionError(line)

    def reached(self, position: int) -> None:
        """What a kept position says is applied, is."""
        for step in self.begun:
            if int(step[3]) < position:
                self.apply(step)
        self.begun.clear()

    def apply(self, step: list[str]) -> None:
        how, what, name, version = step
        bounds = self.stale if how == "soft" else self.gone
        for resource in RESOURCES:
            if what == "all" or name in {resource, tags_of(resource)}:
                bounds[resource] = max(bounds[resource], int(version))


async def check(opened: Opened, model: Model) -> int:
    """Compare all that is held with what may be; how many slices there are."""
    count = 0
    for resource in RESOURCES:
        for found in await opened.tier.recall(resource):
            version = found.version
            assert version in model.written[resource]
            assert version > model.gone[resource], "a purge was undone"
            assert found.head.purged_s is not None or version > model.stale[resource]
            assert found.head.tags == {tags_of(resource)}
            for number in found.slices:
                data = await opened.tier.read(found.key, version, number)
                assert data == body(
                    resource, version, number, found.length // _slices(found.length)
                )
                count += 1
    assert opened.count("corrupt_total") == 0
    assert opened.count("late_total") == 0
    return count


def _slices(length: int) -> int:
    """How many slices an object of this length was given: the sizes divide it in one way alone."""
    return next(
        count for count in (1, 2, 3, 4)
        if length % count == 0 and length // count in {10, 1_000, 60_000}
    )  # fmt: skip


def run_and_kill(folder: Path, seed: int, model: Model) -> None:
    chance = random.Random(seed)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fixtures.disk_child", folder, str(seed), str(model.version)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert child.stdout is not None
    for _ in range(chance.randint(1, 400)):
        line = child.stdout.readline()
        assert line, "the process ended by itself"
        model.hear(line)
    time.sleep(chance.choice([0, 0, 0.01]))
    child.kill()
    for line in child.stdout.read().splitlines(keepends=True):
        if line.endswith("\n"):
            model.hear(line)
    child.wait()
    child.stdout.close()


async def test_killed_at_random_moments_it_keeps_only_what_is_whole_and_not_purged(
    opens: Opens, folder: Path
) -> None:
    model = Model()
    found = 0
    for seed in range(MOST_ROUNDS):
        if seed >= ROUNDS and found > ENOUGH:
            break
        run_and_kill(folder, seed, model)
        async with opens(limit_bytes=LIMIT_BYTES) as opened:
            position = opened.tier.load()
            model.reached(0 if position is None else position.last.time_ms)
            found += await check(opened, model)
            await opened.settled()
            names = {piece.id for held in opened.tier._directory for piece in held.pieces.values()}
        left = {int(path.name.partition(".")[0], 16) for path in folder.glob("bodies/*/*")}
        assert left == names, "orphans are swept, and nothing else is"
    assert found > ENOUGH, "nothing to compare"
