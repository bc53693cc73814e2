from pathlib import Path

import pytest

from runtime.storage import LocalStore, MalformedKey, StoreUnwritable, ensure_folder, fsync_tree


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "store")
    made.prepare()
    return made


def put(store: LocalStore, key: str, data: bytes = b"x") -> Path:
    path = store.path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_key_names_a_file_below_the_root(store: LocalStore) -> None:
    assert store.path("uploads/u1/source") == store.root / "uploads" / "u1" / "source"


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a//b", "a/../b", "..", ".", "a/", "a\0b"])
def test_a_key_that_leads_elsewhere_is_refused(store: LocalStore, key: str) -> None:
    with pytest.raises(MalformedKey):
        store.path(key)


async def test_deleting_a_prefix_takes_everything_below_and_empty_folders_above(
    store: LocalStore,
) -> None:
    put(store, "builds/v1/a1/v-720p/track.flat")
    put(store, "builds/v1/a2/v-720p/track.flat")
    put(store, "builds/v2/a1/v-720p/track.flat")
    await store.delete_prefix("builds/v1/a1")
    assert await store.exists("builds/v1/a2/v-720p/track.flat")
    await store.delete_prefix("builds/v1/a2")
    assert not await store.exists("builds/v1")
    assert await store.exists("builds/v2")


async def test_deleting_what_is_absent_is_fine(store: LocalStore) -> None:
    await store.delete_prefix("builds/none")
    assert store.root.is_dir()


async def test_prefixes_are_listed_at_the_asked_depth(store: LocalStore) -> None:
    put(store, "builds/v1/a1/t")
    put(store, "builds/v2/a1/t")
    put(store, "builds/stray")
    assert await store.list_prefixes("builds") == ["builds/stray", "builds/v1", "builds/v2"]
    assert await store.list_prefixes("builds", depth=2) == [
        "builds/stray",
        "builds/v1/a1",
        "builds/v2/a1",
    ]
    assert await store.list_prefixes("posters") == []
    assert await store.list_prefixes("") == ["builds"]


async def test_a_file_is_adopted_under_its_key(store: LocalStore, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.write_bytes(b"film")
    await store.adopt(scratch, "uploads/u1/source")
    assert store.path("uploads/u1/source").read_bytes() == b"film"
    assert await store.size_bytes("uploads/u1/source") == 4
    assert not scratch.exists()


async def test_a_folder_is_adopted_whole(store: LocalStore, tmp_path: Path) -> None:
    made = tmp_path / "attempt" / "v-720p"
    made.mkdir(parents=True)
    (made / "track.idx").write_bytes(b"i")
    await store.adopt(tmp_path / "attempt", "builds/v1/a1")
    assert store.path("builds/v1/a1/v-720p/track.idx").read_bytes() == b"i"


def test_a_tree_of_folders_and_files_can_be_flushed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "f").write_bytes(b"x")
    fsync_tree(tmp_path)
    fsync_tree(tmp_path / "a" / "b" / "f")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnwritable, match=f"cannot write to {tmp_path}/file/data"):
        ensure_folder(tmp_path / "file" / "data")
