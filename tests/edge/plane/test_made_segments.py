"""Segments that the threads make from a track's files are those that clear Python makes."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.shelf import PlaneShelf
from native import StoredBody
from tests.fixtures.bare_plane import BarePlane
from tests.fixtures.indexes import SYNC, Row, patched, row_at
from tests.fixtures.shown_track import (
    answer,
    crosses,
    forget_pages,
    gives_files_back,
    head_of,
    show,
)
from tests.fixtures.stored_segments import FOLDER, StoredSegments, random_rows


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredSegments]:
    """Three segments; the second begins and ends within blocks of the index."""
    rows: list[Row] = [(700 + n, 1000, 2000, SYNC if n % 50 == 0 else 0) for n in range(230)]
    made = StoredSegments.made(tmp_path, rows, [0, 100, 150])
    yield made
    made.close()


def test_every_segment_has_the_bytes_that_clear_python_gives_it(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path
) -> None:
    for seed in range(12):
        random = Random(seed)
        count = random.choice((1, 63, 64, 65, 500))
        starts = sorted({0, *(random.randrange(count) for _ in range(6))})
        folder = tmp_path / str(seed)
        folder.mkdir()
        stored = StoredSegments.made(folder, random_rows(random, count), starts)
        show(shelf, stored)
        for number in range(len(starts)):
            head, body = answer(plane, f"{number}.m4s")
            assert body == stored.segment(number), f"segment {number} of seed {seed}"
            assert f"Content-Length: {len(body)}\r\n".encode() in head
            assert f'ETag: "0123-{number}"\r\n'.encode() in head
        stored.close()
    assert plane.counted("made") == plane.counted("hits") != 0
    assert plane.counted("crossed") == 0


def test_its_fields_are_those_of_a_hit(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    head, _ = answer(plane, "1.m4s")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields["Cache-Control"] == "public, max-age=31536000, immutable"
    assert fields["Surrogate-Key"] == "video:1 playback:p_1"
    assert fields["Content-Type"] == "video/iso.segment"
    assert fields["Cache-Status"].startswith("edge-a; hit; ttl=")
    assert fields["Age"] == "0"
    assert "Sluice-Origin-Cache-Control" not in fields
    assert not any(mark in head for mark in (b"\x01", b"\x02"))


def test_a_head_says_what_the_answer_would_be(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    head, body = answer(plane, "2.m4s", method="HEAD")
    assert f"Content-Length: {len(stored.segment(2))}\r\n".encode() in head
    assert body == b""


def test_ranges_lie_in_the_header_in_the_samples_and_across_both(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    whole = stored.segment(1)
    header = whole.index(b"mdat") + 4
    for start, stop in (
        (0, 10), (header - 1, header), (header - 5, header + 5), (header, header + 1),
        (header + 100, len(whole)), (0, len(whole)),
    ):  # fmt: skip
        head, body = answer(plane, "1.m4s", f"Range: bytes={start}-{stop - 1}")
        assert head.startswith(b"HTTP/1.1 206")
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(whole)}\r\n".encode() in head
        assert body == whole[start:stop]
    assert answer(plane, "1.m4s", "Range: bytes=-7")[1] == whole[-7:]


def test_preconditions_are_judged_by_the_tag_of_the_segment(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    whole = stored.segment(1)
    head, body = answer(plane, "1.m4s", 'If-None-Match: "0123-1"')
    assert (head.split()[1], body) == (b"304", b"")
    assert b'ETag: "0123-1"' in head
    assert answer(plane, "1.m4s", 'If-None-Match: "0123-2"')[1] == whole
    assert answer(plane, "1.m4s", 'If-Match: "0123-2"')[0].split()[1] == b"412"
    ranged = 'If-Range: "0123-1"', "Range: bytes=3-5"
    assert answer(plane, "1.m4s", *ranged)[1] == whole[3:6]
    assert answer(plane, "1.m4s", 'If-Range: "0123-2"', ranged[1])[1] == whole
    head, _ = answer(plane, "1.m4s", f"Range: bytes={len(whole)}-")
    assert head.split()[1] == b"416"
    assert f"Content-Range: bytes */{len(whole)}".encode() in head


@pytest.mark.parametrize(
    "name",
    [
        "3.m4s", "01.m4s", "+1.m4s", "1.mp4", ".m4s", "1", "", "123456789.m4s", "4294967296.m4s",
        "1.m4s?x=1", "iframe/1.m4s", "1.m4s/",
    ],
)  # fmt: skip
def test_what_is_no_segment_of_it_is_python_s(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments, name: str
) -> None:
    show(shelf, stored)
    assert crosses(plane, name)
    assert plane.counted("made") == 0


@pytest.mark.parametrize("name", ["1.m4s?", "1.m4s?CMCD=sid%3D1"])
def test_what_names_the_same_resource_is_the_same_segment(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments, name: str
) -> None:
    show(shelf, stored)
    assert answer(plane, name)[1] == stored.segment(1)


def test_a_segment_without_samples_and_several_ranges_at_once_are_python_s(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    class Excerpt(StoredSegments):
        @property
        def count(self) -> list[int]:
            return [0, *super().count[1:]]

    some = Excerpt(stored.folder, stored.rows, stored.starts)
    show(shelf, some)
    assert crosses(plane, "0.m4s")
    assert answer(plane, "1.m4s")[1] == stored.segment(1)
    assert crosses(plane, "1.m4s", "Range: bytes=0-1,5-6")
    some.close()


def test_other_folders_are_not_answered_from_it(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    assert crosses(plane, "1.m4s", folder=FOLDER[:-1] + "f")
    assert crosses(plane, "1.m4s", folder="/media/" + "x" * 2000)


def test_it_is_python_s_again_when_its_time_is_over_and_when_it_is_hidden(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    assert shelf.show_track(FOLDER, head_of(stored, age_s=31.0), stored)
    assert crosses(plane, "1.m4s")
    show(shelf, stored)
    assert answer(plane, "1.m4s")[1] == stored.segment(1)
    shelf.hide_track(FOLDER)
    assert crosses(plane, "1.m4s")


def test_its_files_are_given_back(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    for _ in range(3):
        show(shelf, stored)
        assert answer(plane, "0.m4s")[1] == stored.segment(0)
    shelf.hide_track(FOLDER)
    assert gives_files_back(plane)


def test_without_descriptors_it_is_not_shown(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "_most_files", 1)
    assert not shelf.show_track(FOLDER, head_of(stored), stored)
    assert crosses(plane, "1.m4s")


def test_samples_that_are_not_in_memory_are_read_by_the_readers(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    forget_pages(stored.folder / "track.flat")
    assert answer(plane, "1.m4s")[1] == stored.segment(1)
    assert plane.counted("disk_waits")


def test_rows_that_are_not_in_memory_are_python_s(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    forget_pages(stored.folder / "track.idx")
    assert crosses(plane, "1.m4s")


def test_a_segment_of_very_many_samples_is_python_s(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path
) -> None:
    rows: list[Row] = [(2, 1, 0, SYNC)] * 5000
    stored = StoredSegments.made(tmp_path, rows, [0, 1900])
    show(shelf, stored)
    assert answer(plane, "0.m4s")[1] == stored.segment(0)
    assert crosses(plane, "1.m4s")
    stored.close()


@pytest.mark.parametrize("field", ["size", "offset"])
def test_an_index_that_lies_since_it_was_checked_leads_nowhere(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments, field: str
) -> None:
    """What no part of us does to a file: say that samples lie beyond the samples."""
    path = stored.folder / "track.idx"
    data = path.read_bytes()
    at = row_at(data, 120) if field == "size" else row_at(data, 64) - 16
    show(shelf, stored)
    path.write_bytes(patched(data, at, "I", 0xFFFFFFFF))
    assert crosses(plane, "1.m4s")


def test_samples_that_have_become_fewer_break_the_answer_off(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    os.truncate(stored.folder / "track.flat", 80_000)
    with pytest.raises(ConnectionResetError):
        answer(plane, "1.m4s")
    assert plane.counted("disk_failures") == 1
    assert crosses(plane, "1.m4s"), "nor is it tried again"


def test_what_is_no_track_is_refused(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    samples, index = (
        plane.memory.keep_file(descriptor, 0, length)
        for descriptor, length in (stored.samples, stored.index)
    )
    texts = dict.fromkeys(("etag", "whole", "part", "unchanged", "error", "caption"), b"")

    def give(many: int, first: list[int], count: list[int], samples: StoredBody = samples) -> None:
        plane.plane.store_track(
            b"\x01x/", samples, index, sample_count=many, first=first, count=count,
            cipher=None, initial_age_s=0.0, received_s=0.0, fresh_s=1, content_type=None, **texts,
        )  # fmt: skip

    give(230, [0], [230])
    for many, first, count in (
        (0, [0], [230]), (400, [0], [230]), (2**63, [0], [230]), (230, [0], [231]),
        (230, [230], [230]), (230, [231], [0]), (230, [], [230]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"index|segment"):
            give(many, first, count)
    with pytest.raises(OverflowError):
        give(230, [-1], [230])
    with pytest.raises(ValueError, match="are files"):
        give(230, [0], [230], plane.memory.keep(b"samples"))
