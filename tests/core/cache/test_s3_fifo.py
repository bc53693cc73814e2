from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from core.cache.s3_fifo import S3Fifo

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
    """The paper's algorithm over plain lists, newest last; every sum is taken anew."""

    limit: int
    small: list[int] = field(default_factory=list)
    main: list[int] = field(default_factory=list)
    ghosts: list[tuple[int, int]] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    uses: dict[int, int] = field(default_factory=dict)

    def used(self) -> int:
        return sum(self.sizes.values())

    def drop(self, key: int) -> None:
        for queue in (self.small, self.main):
            if key in queue:
                queue.remove(key)
                del self.sizes[key], self.uses[key]

    def admit(self, key: int, size: int) -> list[int] | None:
        uses = self.uses.get(key, 0)
        to_main = key in self.main or key in [name for name, _ in self.ghosts]
        self.drop(key)
        if size > self.limit:
            return None
        victims: list[int] = []
        while self.used() + size > self.limit:
            self.evict(victims)
        self.ghosts = [each for each in self.ghosts if each[0] != key]
        (self.main if to_main else self.small).append(key)
        self.sizes[key], self.uses[key] = size, uses
        return victims

    def evict(self, victims: list[int]) -> None:
        in_small = sum(self.sizes[key] for key in self.small)
        if self.small and (in_small >= self.limit // 10 or not self.main):
            self.evict_small(victims)
        else:
            self.evict_main(victims)

    def evict_small(self, victims: list[int]) -> None:
        while self.small:
            key = self.small.pop(0)
            if self.uses[key] > 1:
                self.main.append(key)
                self.uses[key] = 0
                continue
            self.ghosts.append((key, self.sizes[key]))
            while sum(size for _, size in self.ghosts) > self.limit - self.limit // 10:
                self.ghosts.pop(0)
            del self.sizes[key], self.uses[key]
            victims.append(key)
            return

    def evict_main(self, victims: list[int]) -> None:
        while True:
            key = self.main.pop(0)
            if self.uses[key] == 0:
                del self.sizes[key], self.uses[key]
                victims.append(key)
                return
            self.uses[key] -= 1
            self.main.append(key)


@given(steps, st.integers(0, 200))
def test_it_does_what_the_paper_says(script: list[tuple[str, int, int]], limit: int) -> None:
    policy: S3Fifo[int] = S3Fifo(limit)
    model = Naive(limit)
    for what, key, size in script:
        assert (key in policy) == (key in model.sizes)
        if what == "remove":
            policy.remove(key)
            model.drop(key)
        elif what == "ask" and key in policy:
            policy.touch(key)
            model.uses[key] = min(model.uses[key] + 1, 3)
        else:
            assert policy.admit(key, size) == model.admit(key, size)
        assert policy.used_bytes == model.used() <= limit
        assert len(policy) == len(model.sizes)


def filled(*keys: str) -> S3Fifo[str]:
    policy: S3Fifo[str] = S3Fifo(10)
    for key in keys:
        assert policy.admit(key, 1) == []
    return policy


def test_what_was_never_asked_for_again_leaves_in_the_order_it_came() -> None:
    policy = filled(*"abcdefghij")
    assert [policy.admit(key, 1) for key in "klm"] == [["a"], ["b"], ["c"]]


def test_one_use_is_not_enough_to_stay_and_two_are() -> None:
    policy = filled(*"abcdefghij")
    policy.touch("a")
    policy.touch("b")
    policy.touch("b")
    assert policy.admit("k", 1) == ["a"]
    assert policy.admit("l", 1) == ["c"]
    assert "b" in policy


def test_a_key_that_comes_back_soon_is_kept_through_a_scan() -> None:
    policy = filled(*"abcdefghij")
    assert policy.admit("k", 1) == ["a"]
    assert policy.admit("a", 1) == ["b"]
    for number in range(100):
        policy.admit(f"scanned {number}", 1)
    assert "a" in policy


def test_a_scan_of_ten_caches_leaves_what_is_asked_for() -> None:
    policy: S3Fifo[int] = S3Fifo(1000)
    wanted = range(500)
    for _ in range(3):
        for key in wanted:
            if key in policy:
                policy.touch(key)
            else:
                policy.admit(key, 1)
    for key in range(10_000, 20_000):
        policy.admit(key, 1)
    assert sum(key in policy for key in wanted) == 500


def test_a_newer_version_keeps_its_place_among_the_wanted() -> None:
    policy = filled(*"abcdefghij")
    policy.touch("a")
    policy.touch("a")
    assert policy.admit("a", 1) == []
    assert policy.used_bytes == 10
    for number in range(50):
        policy.admit(f"scanned {number}", 1)
    assert "a" in policy


def test_an_object_larger_than_the_budget_evicts_nobody() -> None:
    policy = filled("small")
    assert policy.admit("huge", 11) is None
    assert "small" in policy
    assert policy.admit("small", 11) is None
    assert policy.used_bytes == len(policy) == 0


def test_names_of_the_gone_are_forgotten_in_time() -> None:
    policy: S3Fifo[int] = S3Fifo(100)
    for key in range(10_000):
        policy.admit(key, 1)
    assert len(policy._ghosts) == 90
    assert policy._ghost_bytes == 90
