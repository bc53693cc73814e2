"""Policies by name."""

from typing import TYPE_CHECKING

import pytest

from core.cache.policies import CachePolicy, make_policy

if TYPE_CHECKING:
    from core.cache.eviction import EvictionPolicy


@pytest.mark.parametrize("name", CachePolicy)
def test_every_policy_keeps_to_its_budget(name: CachePolicy) -> None:
    policy: EvictionPolicy[int] = make_policy(name, 100)
    for number in range(50):
        victims = policy.admit(number, 10)
        assert victims is not None
        assert policy.used_bytes <= policy.limit_bytes == 100
    assert len(policy) == 10


def test_the_names_are_those_of_the_setting() -> None:
    assert [str(name) for name in CachePolicy] == ["s3-fifo", "lru"]
