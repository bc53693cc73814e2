from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from core.cache.lru import ByteLru

steps = st.lists(
    st.tuples(st.sampled_from(["admit", "touch", "remove"]), st.integers(0, 8), st.integers(0, 60))
)


@given(steps, st.integers(0, 100))
def test_it_keeps_what_a_plain_ordered_dictionary_would(
    script: list[tuple[str, int, int]], limit: int
) -> None:
    lru: ByteLru[int] = ByteLru(limit)
    model: OrderedDict[int, int] = OrderedDict()
    for what, key, size in script:
        if what == "admit":
            model.pop(key, None)
            victims = lru.admit(key, size)
            if size > limit:
                assert victims is None
            else:
                expected = []
                while sum(model.values()) + size > limit:
                    expected.append(model.popitem(last=False)[0])
                model[key] = size
                assert victims == expected
        elif what == "touch" and key in model:
            lru.touch(key)
            model.move_to_end(key)
        elif what == "remove":
            lru.remove(key)
            model.pop(key, None)
        assert lru.used_bytes == sum(model.values()) <= limit
        assert len(lru) == len(model)
        assert all(key in lru for key in model)


def test_an_object_larger_than_the_budget_evicts_nobody() -> None:
    lru: ByteLru[str] = ByteLru(10)
    lru.admit("small", 4)
    assert lru.admit("huge", 11) is None
    assert "small" in lru
