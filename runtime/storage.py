"""The local store: the folder of uploads, published tracks and posters, addressed by key."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputFault, OperatorFault


class MalformedKey(InputFault):
    """The key would lead out of the store, or names nothing."""

    code = "storage.malformed_key"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} is not a key of the store")


class StoreUnwritable(OperatorFault):
    """The folder cannot be made or written."""

    code = "storage.unwritable"

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(f"cannot write to {folder}: {error.strerror or error}")
        self.folder = folder


class LocalStore:
    """Files under one root, addressed by `/`-separated keys.

    The methods that walk or delete run in a thread. Paths are handed out so that readers may use
    `pread`, `sendfile` and `mmap`; a published file is never written again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Give the file of `key`, which need not exist. Raises `MalformedKey`."""
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", ".."} for part in parts):
            raise MalformedKey(key)
        return self.root.joinpath(*parts)

    def prepare(self) -> None:
        """Make the root. Raises `StoreUnwritable`."""
        ensure_folder(self.root)

    async def exists(self, key: str) -> bool:
        """Whether a file or folder stands at `key`."""
        return await asyncio.to_thread(self.path(key).exists)

    async def size_bytes(self, key: str) -> int:
        """Give the length of the file at `key`. Raises `FileNotFoundError`."""
        return (await asyncio.to_thread(self.path(key).stat)).st_size

    async def delete_prefix(self, prefix: str) -> None:
        """Remove the file or folder at `prefix` and folders left empty above it; absent is fine."""
        await asyncio.to_thread(self._delete, self.path(prefix))

    async def list_prefixes(self, prefix: str, *, depth: int = 1) -> list[str]:
        """List the keys `depth` levels below `prefix`, sorted; files nearer than that too."""
        return await asyncio.to_thread(lambda: sorted(self._below(prefix.strip("/"), depth)))

    async def adopt(self, source: Path, key: str) -> Path:
        """Move `source` (file or folder, same file system) to `key`, durably and at once."""
        target = self.path(key)
        await asyncio.to_thread(_adopt, source, target, self.root)
        return target

    def _below(self, prefix: str, depth: int) -> Iterator[str]:
        folder = self.path(prefix) if prefix else self.root
        if not folder.is_dir():
            return
        for entry in os.scandir(folder):
            key = f"{prefix}/{entry.name}" if prefix else entry.name
            if depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from self._below(key, depth - 1)
            else:
                yield key

    def _delete(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=False)
        else:
            path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self.root or not _removed_if_empty(parent):
                break


def _removed_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _adopt(source: Path, target: Path, root: Path) -> None:
    fsync_tree(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    fsync_parents(target, root)


def ensure_folder(folder: Path) -> None:
    """Make `folder` and prove that it can be written. Raises `StoreUnwritable`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoreUnwritable(folder, error) from error


def fsync_tree(path: Path) -> None:
    """Flush `path` and all below it to the disk: files first, then the folders naming them."""
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            fsync_path(Path(folder, name))
        fsync_path(Path(folder))
    if path.is_file():
        fsync_path(path)


def fsync_parents(path: Path, root: Path) -> None:
    """Flush the folders above `path` up to `root`, so that its name survives a power cut."""
    for parent in path.parents:
        fsync_path(parent)
        if parent == root:
            break


def fsync_path(path: Path) -> None:
    """Flush one file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
