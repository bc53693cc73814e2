from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from core.cache.frequency_sketch import FrequencySketch
from core.cache.w_tinylfu import WTinyLfu

steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "admit", "remove"]),
        st.integers(0, 14),
        st.integers(1, 40),
    ),
    max_size=120,
)


@dataclass
class Naive:
    """The policy over plain lists, least recently used first; every sum is taken anew."""

    limit: int
    sketch: FrequencySketch
    window: list[int] = field(default_factory=list)
    probation: list[int] = field(default_factory=list)
    protected: list[int] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)

    def used(self, *queues: list[int]) -> int:
        return sum(self.sizes[key] for queue in queues for key in queue)

    def drop(self, key: int) -> None:
        for queue in (self.window, self.probation, self.protected):
            if key in queue:
                queue.remove(key)
                del self.sizes[key]

    def touch(self, key: int) -> None:
        self.sketch.count(key)
        if key in self.window:
            self.window.append(self.window.pop(self.window.index(key)))
            return
        for queue in (self.probation, self.protected):
            if key in queue:
                queue.remove(key)
        self.protected.append(key)
        while self.used(self.protected) > self.main() * 4 // 5:
            self.probation.append(self.protected.pop(0))

    def main(self) -> int:
        return self.limit - max(1, self.limit // 100)

    def admit(self, key: int, size: int) -> list[int] | None:
        self.sketch.count(key)
        self.drop(key)
        if size > self.limit:
            return None
        self.window.append(key)
        self.sizes[key] = size
        gone: list[int] = []
        while self.used(self.window) > max(1, self.limit // 100):
            self.judge(self.window.pop(0), gone)
        return gone

    def judge(self, candidate: int, gone: list[int]) -> None:
        size = self.sizes[candidate]
        room = self.main() - self.used(self.probation, self.protected)
        losers: list[int] = []
        for key in [*self.probation, *self.protected]:
            if room < size:
                losers.append(key)
                room += self.sizes[key]
        worth = sum(self.sketch.estimate(key) for key in losers)
        if size > self.main() or (losers and self.sketch.estimate(candidate) <= worth):
            del self.sizes[candidate]
            gone.append(candidate)
            return
        for key in losers:
            self.drop(key)
        gone.extend(losers)
        self.probation.append(candidate)


@given(steps, st.integers(1, 200))
def test_it_does_what_its_definition_says(script: list[tuple[str, int, int]], limit: int) -> None:
    policy: WTinyLfu[int] = WTinyLfu(limit, entries=16)
    model = Naive(limit, FrequencySketch(16))
    for what, key, size in script:
        assert (key in policy) == (key in model.sizes)
        if what == "remove":
            policy.remove(key)
            model.drop(key)
        elif what == "ask" and key in policy:
            policy.touch(key)
            model.touch(key)
        else:
            assert policy.admit(key, size) == model.admit(key, size)
        assert policy.used_bytes == sum(model.sizes.values()) <= limit
        assert len(policy) == len(model.sizes)


def filled(count: int) -> WTinyLfu[int]:
    """Fill a cache with keys that were used twice each."""
    policy: WTinyLfu[int] = WTinyLfu(count, entries=10 * count)
    for key in range(count):
        policy.admit(key, 1)
        policy.touch(key)
    return policy


def test_a_newcomer_does_not_displace_what_was_used_more() -> None:
    policy = filled(100)
    policy.admit(1000, 1)
    assert policy.admit(1001, 1) == [1000]


def test_a_newcomer_that_was_asked_for_more_often_displaces_the_least_recent() -> None:
    policy = filled(100)
    policy.admit(1000, 1)
    for _ in range(5):
        policy.touch(1000)
    [victim] = policy.admit(1001, 1) or []
    assert victim < 100
    assert 1000 in policy


def test_a_scan_of_ten_caches_leaves_what_is_asked_for() -> None:
    policy = filled(1000)
    for key in range(10_000, 20_000):
        policy.admit(key, 1)
    assert sum(key in policy for key in range(1000)) > 950


def test_a_large_newcomer_must_beat_all_whose_room_it_needs() -> None:
    policy = filled(100)
    for _ in range(4):
        policy.admit(1000, 50)
    assert 1000 not in policy
    assert sum(key in policy for key in range(99)) == 99


def test_an_object_larger_than_the_budget_evicts_nobody() -> None:
    policy: WTinyLfu[str] = WTinyLfu(10, entries=10)
    policy.admit("small", 1)
    assert policy.admit("huge", 11) is None
    assert "small" in policy
