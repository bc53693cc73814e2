"""What fails or is broken off late: the folder that is there then, and what is said."""

import errno
from pathlib import Path

import pytest

from cli.package.bar import Unseen
from origin.packaging.faults import StorageFull
from origin.static import package as packaging
from origin.static.package import package
from origin.static.request import PackageRequest


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def made(film: Path, folder: Path, segment_s: float = 4, *, transcode: bool = False) -> None:
    request = PackageRequest([film], folder, segment_s, may_replace=True, may_transcode=transcode)
    package(request, Unseen())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("broken", [1, 2], ids=["first rename", "second rename"])
def test_a_signal_while_the_old_folder_is_replaced_leaves_one_whole_folder(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: int, after: bool
) -> None:
    folder, rename, renames = tmp_path / "out", Path.rename, 0
    made(films / "small.mp4", folder)
    old = files_of(folder)

    def interrupted(path: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames == broken and not after:
            raise KeyboardInterrupt
        found = rename(path, target)
        if renames == broken:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(films / "small.mp4", folder, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    is_replaced = broken == 2 and after
    assert (files_of(folder) != old) is is_replaced


def test_a_signal_while_the_replaced_folder_is_removed_leaves_nothing_of_it(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, remove = tmp_path / "out", packaging._remove
    made(films / "small.mp4", folder)
    broken: list[Path] = []

    def interrupted(path: Path) -> None:
        if path.name.endswith(".old") and not broken:
            broken.append(path)
            raise KeyboardInterrupt
        remove(path)

    monkeypatch.setattr(packaging, "_remove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(films / "small.mp4", folder)
    assert broken
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("dolby.mkv", "copy.copy_tracks"),
        ("mp2.mkv", "transcode.transcode_audio"),
        ("slow.mkv", "transcode.transcode_video"),
    ],
)
def test_a_full_disk_is_not_what_is_wrong_with_the_film(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str, number: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(f"origin.packaging.{step}", full)
    with pytest.raises(StorageFull) as raised:
        made(films / name, tmp_path / "out", transcode=True)
    assert raised.value.message == f"There is no room left on the disk for {tmp_path / 'out'}."
    assert not list(tmp_path.iterdir())
