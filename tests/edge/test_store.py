"""Entries and their slices, and the ways to find them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from core.cache.policies import CachePolicy
from core.cache.purging import Purge
from core.cache.slices import SLICE_BYTES
from core.cache.stored import Arrival, StoredHead, stored_head
from core.http.byterange import ByteSpan
from core.http.cache_key import CacheKey
from core.http.target import read_target
from edge.store import Entry, MemoryStore, Slices, StoredBytes, new_version
from edge.upstream import SegmentedTrack
from native import SealedFragment

NOW_S = 784111777.0


def entry(
    resource: str, *, tags: str = "", vary: str = "", says: str = "", length: int = 10
) -> Entry:
    headers = (("Cache-Control", "max-age=60"), ("Surrogate-Key", tags), ("Vary", vary))
    head = stored_head(200, headers, Arrival(NOW_S, NOW_S), media=True)
    return Entry(CacheKey(resource, (says,) if vary else ()), head, new_version(), length)


def put(store: MemoryStore, made: Entry) -> bool:
    return store.put_slice(made, 0, bytes(made.length)) is not None


def test_variants_of_a_resource_are_found_by_what_the_request_says() -> None:
    store = MemoryStore(100_000)
    for language in ("de", "en"):
        put(store, entry("/media/x", vary="Accept-Language", says=language))
    target = read_target("/media/x")
    german = store.look_up(target, (("Accept-Language", "de"),))
    assert german.entry is not None
    assert german.entry.key.variant == ("de",)
    french = store.look_up(target, (("Accept-Language", "fr"),))
    assert (french.entry, french.other_variants) == (None, True)


def test_a_resource_that_varies_anew_forgets_its_old_variants() -> None:
    store = MemoryStore(100_000)
    put(store, entry("/media/x", vary="Accept-Language", says="de"))
    store.learn("/media/x", ("accept",))
    assert len(store) == 0
    assert store.key(read_target("/media/x"), (("Accept", "a"),)).variant == ("a",)
    store.settle("/media/x")
    assert store.key(read_target("/media/x"), (("Accept", "a"),)).variant == ()


def test_an_entry_that_was_replaced_is_found_by_its_new_tags_alone() -> None:
    store = MemoryStore(100_000)
    put(store, entry("/media/x", tags="one"))
    put(store, entry("/media/x", tags="two"))
    assert store.purge(Purge(frozenset({"one"}), frozenset()), NOW_S) == 0
    assert store.purge(Purge(frozenset({"two"}), frozenset()), NOW_S) == 1


def test_what_is_larger_than_the_budget_is_not_stored_and_leaves_no_older_version() -> None:
    store = MemoryStore(10_000)
    put(store, entry("/media/x"))
    assert not put(store, entry("/media/x", length=20_000))
    assert (len(store), store.used_bytes) == (0, 0)


def test_slices_of_another_version_are_not_this_bodys() -> None:
    store = MemoryStore(100_000)
    old, new = entry("/media/x"), entry("/media/x")
    put(store, old)
    put(store, new)
    assert store.slice(old, 0) is None
    assert store.missing(old, [0]) == [0]
    assert store.slice(new, 0) == bytes(10)


def test_what_a_purge_covers_since_it_was_asked_for_is_not_stored() -> None:
    store = MemoryStore(100_000)
    made = entry("/media/x", tags="film")
    store.purge(Purge(frozenset({"film"})), NOW_S)
    assert not put(store, made)
    assert len(store) == 0


def test_a_head_stays_as_long_as_one_of_its_slices() -> None:
    store = MemoryStore(3 * (SLICE_BYTES + 4096), policy=CachePolicy.LRU)
    film = entry("/media/film", length=3 * SLICE_BYTES)
    for number in range(3):
        assert store.put_slice(film, number, bytes(SLICE_BYTES)) is not None
    for count in range(1, 4):
        assert len(store) == count
        other = entry(f"/media/{count}", length=SLICE_BYTES)
        put(store, other)
        assert store.missing(film, range(3)) == list(range(count))
    assert store.get(film.key) is None


def test_a_renewed_head_goes_on_with_the_slices_it_has() -> None:
    store = MemoryStore(10 * SLICE_BYTES)
    film = entry("/media/film", length=2 * SLICE_BYTES, tags="one")
    store.put_slice(film, 0, bytes(SLICE_BYTES))
    head = entry("/media/film", tags="two").head
    store.renew(Entry(film.key, head, film.version, film.length))
    store.put_slice(film, 1, bytes(SLICE_BYTES))  # by a fetch that knows the old head alone
    known = store.get(film.key)
    assert known is not None
    assert known.head == head
    assert store.missing(known, range(2)) == []
    assert store.purge(Purge(frozenset({"two"})), NOW_S) == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "again", "remove", "look", "use", "tag", "url", "soft"]),
        st.sampled_from(["/a", "/b", "/c"]),
        st.sampled_from(["", "t1", "t2", "t1 t2"]),
        st.sampled_from(["", "de", "en"]),
        st.integers(0, 3),
        st.integers(0, 6000),
    ),
    max_size=60,
)


@dataclass
class ShelfModel:
    """A shelf that only remembers what it was told."""

    heads: dict[CacheKey, Entry] = field(default_factory=dict)
    slices: set[tuple[int, int]] = field(default_factory=set)

    def keep(self, body: StoredBytes) -> StoredBytes:
        return body

    def takes_file(self, length: int) -> bool:
        return False

    def keep_file(self, descriptor: int, length: int, offset: int = 0) -> None:
        return None

    def keep_sealed(self, descriptor: int, sealed: SealedFragment, span: ByteSpan) -> None:
        return None

    def show(self, entry: Entry, slices: Slices) -> None:
        self.heads[entry.key] = entry

    def show_slice(self, entry: Entry, number: int, body: StoredBytes) -> None:
        self.slices.add((entry.version, number))

    def hide(self, entry: Entry) -> None:
        self.heads.pop(entry.key, None)

    def hide_slice(self, entry: Entry, number: int) -> None:
        self.slices.discard((entry.version, number))

    def show_track(self, folder: str, head: StoredHead, track: SegmentedTrack) -> bool:
        return False

    def hide_track(self, folder: str) -> None:
        """None is shown."""

    def used(self) -> Iterable[tuple[int, int]]:
        return [*sorted(self.slices)[:2], (1, 1)]


@given(steps, st.sampled_from(CachePolicy))
def test_the_indexes_never_disagree(
    script: list[tuple[str, str, str, str, int, int]], policy: CachePolicy
) -> None:
    shelf = ShelfModel()
    store = MemoryStore(24_000, shelf=shelf, policy=policy)
    latest: dict[CacheKey, Entry] = {}
    for what, resource, tags, says, number, size in script:
        made = entry(
            resource,
            tags=tags,
            vary="Accept-Language" if says else "",
            says=says,
            length=4 * SLICE_BYTES,
        )
        known = latest.get(made.key, made)
        match what:
            case "put":
                store.learn(resource, made.head.names)
                made = replace(made, began=store.purges.last)
                store.put_slice(made, number, bytes(size))
                store.settle(resource)
                latest[made.key] = made
            case "again":
                store.put_slice(known, number, bytes(size))
            case "remove":
                store.remove(made.key)
            case "look":
                store.look_up(read_target(resource), (("Accept-Language", says),))
            case "use":
                store.slice(known, number, used=True)
            case "tag":
                store.purge(Purge(frozenset(tags.split()), frozenset()), NOW_S)
            case "url":
                store.purge(Purge(frozenset(), frozenset({resource})), NOW_S)
            case _:
                store.purge(Purge(frozenset(tags.split()), frozenset(), soft=True), NOW_S)
        check(store, shelf)


def check(store: MemoryStore, shelf: ShelfModel) -> None:
    objects = store._objects
    slices = {
        (found.entry.version, number): found.entry.slice_bytes(body)
        for found in objects.values()
        for number, body in found.slices.items()
    }
    assert store.used_bytes == sum(slices.values()) <= 24_000
    assert all(place in store._policy for place in slices)
    assert len(store._policy) == len(slices)
    assert all(found.slices for found in objects.values())
    assert store._versions == {found.entry.version: key for key, found in objects.items()}
    assert {key for keys in store._variants.values() for key in keys} == set(objects)
    assert all(key.resource == name for name, keys in store._variants.items() for key in keys)
    tagged = {(tag, key) for tag, keys in store._tagged.items() for key in keys}
    assert tagged == {(tag, key) for key, f in objects.items() for tag in f.entry.head.tags}
    assert all(store._variants.values())
    assert all(store._tagged.values())
    assert set(store._names) <= set(store._variants)
    assert shelf.slices == set(slices)
    fresh = {key: f.entry for key, f in objects.items() if f.entry.head.purged_s is None}
    assert shelf.heads == fresh
