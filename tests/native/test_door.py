"""The one door of the compiled part."""

import gc
import os
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest

import native
from native import CorruptIndex, IndexBuilder, TrackIndex, _index, _index_builder
from tests.fixtures.indexes import constant_rows, index_bytes


def imported(implementation: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ}
    environment.pop("NATIVE_IMPL", None)
    if implementation is not None:
        environment["NATIVE_IMPL"] = implementation
    code = "import native; print(native.IMPL, native.TrackIndex.__module__)"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_compiled_twin_is_what_one_gets_unasked() -> None:
    assert imported(None).stdout.split() == ["compiled", "native._index"]


def test_the_reference_is_there_for_who_asks() -> None:
    assert imported("reference").stdout.split() == ["reference", "native.reference.index"]


def test_another_implementation_is_an_import_error() -> None:
    answer = imported("fast")
    assert answer.returncode == 1
    assert "NATIVE_IMPL must be 'compiled' or 'reference', not 'fast'" in answer.stderr


def test_the_compiled_twin_is_an_extension() -> None:
    assert _index.__spec__ is not None
    assert isinstance(_index.__spec__.loader, ExtensionFileLoader)


def test_the_door_gives_the_implementation_it_names() -> None:
    module = {"compiled": "native._index", "reference": "native.reference"}[native.IMPL]
    assert TrackIndex.__module__.startswith(module)
    assert IndexBuilder.__module__.startswith(module)


def test_compiled_classes_cannot_be_had_without_their_arguments() -> None:
    """What was never checked must not be reachable: its sizes would be walked unchecked."""
    classes: list[type[object]] = [_index.TrackIndex, _index_builder.IndexBuilder]
    for unchecked in classes:
        with pytest.raises(TypeError):
            unchecked.__new__(unchecked)


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def use_once(data: bytes, spoiled: bytes) -> None:
    index = _index.TrackIndex(data)
    index.fragment_header(100, 900, 1)
    index.sync_times()
    index.segment_index([0, 500], index.duration)
    index.segment_starts([0, 5000, 10**9])
    with pytest.raises(IndexError):
        index.segment(0, 10**6)
    with pytest.raises(CorruptIndex):
        _index.TrackIndex(spoiled)
    builder = _index_builder.IndexBuilder(timescale=1, description=data[:100])
    for _ in range(200):
        builder.add(1, 1, 0, 1)
    builder.finish()


def test_no_reference_and_no_memory_is_lost() -> None:
    data = index_bytes(constant_rows(1000))
    spoiled = data[:-1] + b"\x07"
    for _ in range(50):
        use_once(data, spoiled)
    gc.collect()
    references, resident = sys.getrefcount(data), resident_bytes()
    for _ in range(500):
        use_once(data, spoiled)
    gc.collect()
    assert sys.getrefcount(data) == references
    assert resident_bytes() - resident < 4 << 20
