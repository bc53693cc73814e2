import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cache.coalescing import (
    MOST_ATTEMPTS,
    MOST_RELEASES,
    HeadFacts,
    Role,
    join,
    may_retry,
    may_use,
)
from core.cache.marks import Marks


def marks(*keys: str) -> Marks[str]:
    made: Marks[str] = Marks(120.0)
    for key in keys:
        made.add(key, 0.0)
    return made


@pytest.mark.parametrize(
    ("inflight", "marked", "now_s", "releases", "role"),
    [
        ([], [], 0.0, 0, Role.LEAD),
        (["k"], [], 0.0, 0, Role.FOLLOW),
        (["other"], [], 0.0, 0, Role.LEAD),
        (["k"], ["k"], 0.0, 0, Role.ALONE),
        ([], ["k"], 119.0, 0, Role.ALONE),
        ([], ["k"], 120.0, 0, Role.LEAD),
        (["k"], [], 0.0, MOST_RELEASES - 1, Role.FOLLOW),
        (["k"], [], 0.0, MOST_RELEASES, Role.ALONE),
    ],
)
def test_the_role_of_a_request(
    inflight: list[str], marked: list[str], now_s: float, releases: int, role: Role
) -> None:
    assert join(inflight, marks(*marked), "k", now_s, releases) is role


def test_only_a_waiter_tries_again_and_only_once() -> None:
    assert may_retry(Role.FOLLOW, 1)
    assert not may_retry(Role.FOLLOW, MOST_ATTEMPTS)
    assert not may_retry(Role.LEAD, 1)
    assert not may_retry(Role.ALONE, 1)


YES = HeadFacts(shareable=True)
NO = HeadFacts(shareable=False)


@pytest.mark.parametrize(
    ("role", "head", "use"),
    [
        (Role.LEAD, YES, True),
        (Role.FOLLOW, YES, True),
        (Role.LEAD, NO, True),
        (Role.FOLLOW, NO, False),
        (Role.ALONE, NO, True),
        (Role.LEAD, HeadFacts(shareable=False, wants_range=True), False),
        (Role.ALONE, HeadFacts(shareable=False, wants_range=True), True),
        (Role.LEAD, HeadFacts(shareable=True, wants_range=True), True),
        (Role.FOLLOW, HeadFacts(shareable=True, same_variant=False), False),
        (Role.FOLLOW, HeadFacts(shareable=True, purged_after_joining=True), False),
        (Role.LEAD, HeadFacts(shareable=True, purged_after_joining=True), True),
    ],
)
def test_whether_a_request_takes_the_answer(role: Role, head: HeadFacts, use: bool) -> None:
    assert may_use(role, head) is use


class Crowd:
    """Requests for one key against scripted heads, interleaved at random, without a socket."""

    def __init__(self, heads: list[str], order: random.Random) -> None:
        self.heads = heads
        self.order = order
        self.fetches = 0
        self.inflight: dict[str, list[tuple[int, Role]]] = {}
        self.alone: list[int] = []
        self.marked = marks()
        self.done: dict[int, str] = {}
        self.attempts: dict[int, int] = {}
        self.releases: dict[int, int] = {}

    def arrive(self, who: int) -> None:
        role = join(self.inflight, self.marked, "k", 0.0, self.releases.get(who, 0))
        match role:
            case Role.LEAD:
                self.inflight["k"] = [(who, role)]
            case Role.FOLLOW:
                self.inflight["k"].append((who, role))
            case Role.ALONE:
                self.alone.append(who)

    def answer(self) -> None:
        """One fetch gets its head."""
        head = self.heads[self.fetches % len(self.heads)]
        self.fetches += 1
        if self.alone and (not self.inflight or self.order.random() < 0.5):
            self.done[self.alone.pop()] = head
            return
        for who, role in self.inflight.pop("k"):
            self._settle(who, role, head)
        if head == "private":
            self.marked.add("k", 0.0)

    def _settle(self, who: int, role: Role, head: str) -> None:
        if head == "fail":
            self.attempts[who] = self.attempts.get(who, 0) + 1
            again = may_retry(role, self.attempts[who])
        else:
            again = not may_use(role, HeadFacts(shareable=head == "public"))
            self.releases[who] = self.releases.get(who, 0) + again
        if again:
            self.arrive(who)
        else:
            self.done[who] = head

    @property
    def busy(self) -> bool:
        return bool(self.inflight or self.alone)


heads = st.lists(st.sampled_from(["public", "private", "fail"]), min_size=1, max_size=5)


@settings(max_examples=300)
@given(heads, st.integers(1, 40), st.integers())
def test_whatever_the_upstream_answers_everyone_ends_and_nobody_gets_anothers_private_answer(
    script: list[str], size: int, seed: int
) -> None:
    order = random.Random(seed)
    crowd = Crowd(script, order)
    coming = list(range(size))
    while coming or crowd.busy:
        if coming and (not crowd.busy or order.random() < 0.7):
            crowd.arrive(coming.pop())
        else:
            crowd.answer()
        assert crowd.fetches <= size * (MOST_ATTEMPTS + MOST_RELEASES + 1)
    assert sorted(crowd.done) == list(range(size))


@given(st.integers(1, 1000))
def test_a_crowd_behind_one_public_answer_is_one_fetch(size: int) -> None:
    crowd = Crowd(["public"], random.Random(0))
    for who in range(size):
        crowd.arrive(who)
    crowd.answer()
    assert (crowd.fetches, crowd.busy, len(crowd.done)) == (1, False, size)
