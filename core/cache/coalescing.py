"""Coalescing: who fetches, who waits, and who goes alone.

Requests for one key that arrive while it is being fetched wait for that fetch. When its answer
turns out to be for one client only, the waiters are released to fetches of their own, and for a
while new requests for the key do not wait in the first place: a queue of viewers behind an answer
that cannot be shared would be served one after the other.
"""

from collections.abc import Container, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from core.cache.marks import Marks

K = TypeVar("K", bound=Hashable)

UNCOALESCED_FOR_S: Final = 120.0
# The first fetch, and one by a promoted waiter when that failed before its head. More would make
# everyone wait for as many deadlines when the upstream is down.
MOST_ATTEMPTS: Final = 2
# A request is released at most this often, each time for another reason; then it goes alone.
MOST_RELEASES: Final = 3


class Role(Enum):
    """What a request does about a miss."""

    LEAD = "lead"
    FOLLOW = "follow"
    ALONE = "alone"


def join(
    inflight: Container[K], uncoalesced: Marks[K], key: K, now_s: float, releases: int = 0
) -> Role:
    """Decide the role of a request for `key` that nothing stored can answer.

    `releases` counts how often the request has already waited in vain. Whoever finds no fetch to
    follow leads: that is also how a waiter is promoted when the leader's fetch failed.
    """
    if releases >= MOST_RELEASES or uncoalesced.holds(key, now_s):
        return Role.ALONE
    return Role.FOLLOW if key in inflight else Role.LEAD


def may_retry(role: Role, attempts: int) -> bool:
    """Whether a request whose fetch failed before its head tries again.

    Only a waiter does, and only once: the leader's failure is its own answer.
    """
    return role is Role.FOLLOW and attempts < MOST_ATTEMPTS


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What the head of a fetch's answer means to one request that waited for it.

    `shareable`: the answer may be stored. `same_variant`: it answers this request too, by Vary.
    `purged_after_joining`: the request came after a purge that covers the answer. `wants_range`:
    the request has a Range that the fetch did not pass on.
    """

    shareable: bool
    same_variant: bool = True
    purged_after_joining: bool = False
    wants_range: bool = False


def may_use(role: Role, head: HeadFacts) -> bool:
    """Whether a request takes this answer; else it is released to ask again.

    An answer that is not stored may be larger than we would ever hold, so a range of it is better
    asked of the upstream than cut out of a whole that streams through.
    """
    match role:
        case Role.ALONE:
            return True
        case Role.LEAD:
            return head.shareable or not head.wants_range
        case Role.FOLLOW:
            return head.shareable and head.same_variant and not head.purged_after_joining
