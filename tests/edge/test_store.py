"""Entries, and the three ways to find them."""

from hypothesis import given
from hypothesis import strategies as st

from core.cache.policies import CachePolicy
from core.cache.purging import Purge
from core.cache.stored import Arrival, stored_head
from core.http.cache_key import CacheKey
from core.http.target import read_target
from edge.store import Entry, MemoryStore

NOW_S = 784111777.0


def entry(
    resource: str, *, tags: str = "", vary: str = "", says: str = "", size: int = 10
) -> Entry:
    headers = (("Cache-Control", "max-age=60"), ("Surrogate-Key", tags), ("Vary", vary))
    head = stored_head(200, headers, Arrival(NOW_S, NOW_S), media=True)
    return Entry(CacheKey(resource, (says,) if vary else ()), head, bytes(size))


def test_variants_of_a_resource_are_found_by_what_the_request_says() -> None:
    store = MemoryStore(100_000)
    for language in ("de", "en"):
        store.put(entry("/media/x", vary="Accept-Language", says=language))
    target = read_target("/media/x")
    german = store.look_up(target, (("Accept-Language", "de"),))
    assert german.entry is not None
    assert german.entry.key.variant == ("de",)
    french = store.look_up(target, (("Accept-Language", "fr"),))
    assert (french.entry, french.other_variants) == (None, True)


def test_a_resource_that_varies_anew_forgets_its_old_variants() -> None:
    store = MemoryStore(100_000)
    store.put(entry("/media/x", vary="Accept-Language", says="de"))
    store.learn("/media/x", ("accept",))
    assert len(store) == 0
    assert store.key(read_target("/media/x"), (("Accept", "a"),)).variant == ("a",)
    store.settle("/media/x")
    assert store.key(read_target("/media/x"), (("Accept", "a"),)).variant == ()


def test_an_entry_that_was_replaced_is_found_by_its_new_tags_alone() -> None:
    store = MemoryStore(100_000)
    store.put(entry("/media/x", tags="one"))
    store.put(entry("/media/x", tags="two"))
    assert store.purge(Purge(frozenset({"one"}), frozenset()), NOW_S) == 0
    assert store.purge(Purge(frozenset({"two"}), frozenset()), NOW_S) == 1


def test_what_is_larger_than_the_budget_is_not_stored_and_leaves_no_older_version() -> None:
    store = MemoryStore(10_000)
    store.put(entry("/media/x"))
    assert not store.put(entry("/media/x", size=20_000))
    assert (len(store), store.used_bytes) == (0, 0)


def test_an_entry_that_was_replaced_keeps_its_uses() -> None:
    store = MemoryStore(36_000)
    target = read_target("/media/x")
    store.put(entry("/media/x", size=1000))
    for _ in range(3):
        store.look_up(target, ())
    store.put(entry("/media/x", size=1000))
    for number in range(20):
        store.put(entry(f"/media/{number}", size=1000))
    assert store.look_up(target, ()).entry is not None


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "look", "tag", "url", "soft"]),
        st.sampled_from(["/a", "/b", "/c"]),
        st.sampled_from(["", "t1", "t2", "t1 t2"]),
        st.sampled_from(["", "de", "en"]),
        st.integers(0, 6000),
    ),
    max_size=40,
)


@given(steps, st.sampled_from(CachePolicy))
def test_the_indexes_never_disagree(
    script: list[tuple[str, str, str, str, int]], policy: CachePolicy
) -> None:
    store = MemoryStore(12_000, policy=policy)
    for what, resource, tags, says, size in script:
        made = entry(
            resource, tags=tags, vary="Accept-Language" if says else "", says=says, size=size
        )
        match what:
            case "put":
                store.learn(resource, made.head.names)
                store.put(made)
            case "remove":
                store.remove(made.key)
            case "look":
                store.look_up(read_target(resource), (("Accept-Language", says),))
            case "tag":
                store.purge(Purge(frozenset(tags.split()), frozenset()), NOW_S)
            case "url":
                store.purge(Purge(frozenset(), frozenset({resource})), NOW_S)
            case _:
                store.purge(Purge(frozenset(tags.split()), frozenset(), soft=True), NOW_S)
        check(store)


def check(store: MemoryStore) -> None:
    entries = store._entries
    assert store.used_bytes == sum(e.size_bytes for e in entries.values()) <= 12_000
    assert {key for keys in store._variants.values() for key in keys} == set(entries)
    assert all(key.resource == name for name, keys in store._variants.items() for key in keys)
    tagged = {(tag, key) for tag, keys in store._tagged.items() for key in keys}
    assert tagged == {(tag, key) for key, e in entries.items() for tag in e.head.tags}
    assert all(store._variants.values())
    assert all(store._tagged.values())
    assert set(store._names) <= set(store._variants)
