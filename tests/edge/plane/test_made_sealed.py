"""Encrypted segments that the threads make from a track's files are those of clear Python."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from edge import shelf as shelves
from edge.shelf import PlaneShelf
from native import AES_INSTRUCTIONS
from native.values import AvcDivision, Division, Vp9Division
from tests.fixtures.av1_clips import av1_clip
from tests.fixtures.bare_plane import BarePlane, bare_plane
from tests.fixtures.header_traces import header_lengths
from tests.fixtures.media import Picture, make_clip
from tests.fixtures.shown_track import (
    answer,
    crosses,
    forget_pages,
    gives_files_back,
    head_of,
    show,
)
from tests.fixtures.stored_segments import FOLDER, Protection, StoredSegments
from tests.native.test_protection import PLAIN, SCHEMES, SLICE_START, sample_of

AVC = AvcDivision({0: PLAIN}, 4)
NOT_A_SLICE = b"\x06"
LARGEST_SAMPLE_BYTES = 4 << 20
MOST_SAMPLES = 512

pytestmark = pytest.mark.skipif(not AES_INSTRUCTIONS, reason="the twin seals nothing")


def picture(random: Random, most: int = 3_000) -> bytes:
    """Some units, of which some are slices."""
    return sample_of(
        *(
            random.choice((SLICE_START, NOT_A_SLICE)) + random.randbytes(random.randrange(1, most))
            for _ in range(random.choice((1, 1, 2, 5)))
        )
    )


def samples_for(division: Division | None, random: Random, count: int) -> list[bytes]:
    if division is None:
        return [random.randbytes(random.randrange(1, 900)) for _ in range(count)]
    return [picture(random) for _ in range(count)]


@pytest.fixture(params=SCHEMES)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoredSegments]:
    """Three segments of pictures; the second has 2 MiB, the last sample of which is 700 kB."""
    random = Random(8)
    samples = [picture(random) for _ in range(40)]
    samples += [sample_of(SLICE_START + random.randbytes(30_000)) for _ in range(45)]
    samples += [sample_of(SLICE_START + random.randbytes(700_000))]
    samples += [picture(random) for _ in range(40)]
    made = StoredSegments.protected(tmp_path, samples, [0, 40, 86], Protection(request.param, AVC))
    yield made
    made.close()


@pytest.mark.parametrize("division", [None, AVC], ids=["whole", "units"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_segment_has_the_bytes_that_clear_python_gives_it(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path, scheme: str, division: Division | None
) -> None:
    for seed in range(6):
        random = Random(seed)
        count = random.choice((1, 63, 64, 65, 200))
        starts = sorted({0, *(random.randrange(count) for _ in range(4))})
        folder = tmp_path / str(seed)
        folder.mkdir()
        samples = samples_for(division, random, count)
        protection = Protection(scheme, division)
        stored = StoredSegments.protected(folder, samples, starts, protection)
        show(shelf, stored)
        for number in range(len(starts)):
            head, body = answer(plane, f"{number}.m4s")
            assert body == stored.segment(number), f"segment {number} of seed {seed}"
            assert f"Content-Length: {len(body)}\r\n".encode() in head
            assert f'ETag: "0123-{number}"\r\n'.encode() in head
        stored.close()
    assert plane.counted("made") == plane.counted("hits") != 0
    assert plane.counted("crossed") == 0


def test_frames_of_vp9_are_read_whole(plane: BarePlane, shelf: PlaneShelf, tmp_path: Path) -> None:
    pictures = Picture(codec="libvpx-vp9", b_frames=0, count=30, width=64, height=64)
    clip = make_clip(tmp_path / "clip.mp4", pictures)
    samples = [sample for sample, _ in header_lengths(clip)]
    protection = Protection("cbcs", Vp9Division(64))
    stored = StoredSegments.protected(tmp_path, samples, [0], protection)
    show(shelf, stored)
    assert answer(plane, "0.m4s")[1] == stored.segment(0)
    stored.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tiles_of_av1_are_found_by_what_the_segment_says(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path, scheme: str
) -> None:
    params = "tile-columns=1:tile-rows=1"
    clip = av1_clip(tmp_path, params, width=1024, height=512, count=48)
    starts = [0, 24]
    stored = StoredSegments.protected(
        tmp_path, clip.samples, starts, Protection(scheme, clip.division)
    )
    show(shelf, stored)
    for number in range(len(starts)):
        assert answer(plane, f"{number}.m4s")[1] == stored.segment(number)
    assert plane.counted("crossed") == 0
    stored.close()


def test_ranges_lie_in_the_header_in_the_samples_and_across_both(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    whole = stored.segment(1)
    header = whole.index(b"mdat") + 4
    places = Random(4)
    spans = [
        (0, 10), (header - 1, header), (header - 5, header + 5), (header, header + 1),
        (header + 100, len(whole)), (0, len(whole)),
        *(sorted(places.sample(range(len(whole) + 1), 2)) for _ in range(20)),
    ]  # fmt: skip
    for start, stop in spans:
        show(shelf, stored)
        head, body = answer(plane, "1.m4s", f"Range: bytes={start}-{stop - 1}")
        assert head.startswith(b"HTTP/1.1 206")
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(whole)}\r\n".encode() in head
        assert body == whole[start:stop]


def test_preconditions_and_heads_are_answered_without_its_bytes(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    length = len(stored.segment(1))
    head, body = answer(plane, "1.m4s", method="HEAD")
    assert f"Content-Length: {length}\r\n".encode() in head
    assert body == b""
    show(shelf, stored)
    head, body = answer(plane, "1.m4s", 'If-None-Match: "0123-1"')
    assert (head.split()[1], body) == (b"304", b"")
    show(shelf, stored)
    head, _ = answer(plane, "1.m4s", f"Range: bytes={length}-")
    assert head.split()[1] == b"416"
    assert f"Content-Range: bytes */{length}".encode() in head
    show(shelf, stored)
    assert crosses(plane, "1.m4s", "Range: bytes=0-1,5-6")


def test_a_segment_that_takes_long_is_pythons_but_for_who_has_it_already(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path
) -> None:
    """A picture of 41 slices, more than an entry has room for, is gone through again."""
    crowd = sample_of(*(SLICE_START + bytes(97) for _ in range(41)))
    stored = StoredSegments.protected(tmp_path, [crowd], [0], Protection("cenc", AVC))
    show(shelf, stored)
    head, body = answer(plane, "0.m4s", 'If-None-Match: "0123-0"')
    assert (head.split()[1], body) == (b"304", b"")
    assert b'ETag: "0123-0"\r\n' in head
    show(shelf, stored)
    assert crosses(plane, "0.m4s")
    stored.close()


def test_what_is_asked_for_again_is_to_be_kept_and_is_made_where_it_is_not(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    for _ in range(3):
        assert answer(plane, "0.m4s", method="HEAD")[0].startswith(b"HTTP/1.1 200")
    for number in (1, 2):
        assert answer(plane, f"{number}.m4s")[1] == stored.segment(number)
    for number in (1, 2, 2, 1):
        assert crosses(plane, f"{number}.m4s")
    for number in (2, 1, 0, 1):
        assert answer(plane, f"{number}.m4s")[1] == stored.segment(number)
    show(shelf, stored)
    assert answer(plane, "1.m4s")[1] == stored.segment(1)


def test_who_reads_slowly_gets_it_all_though_it_is_hidden_meanwhile(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    expected = stored.segment(1)
    taken = []
    sizes = Random(6)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", plane.port))
        target = f"GET {FOLDER}/1.m4s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        connection.sendall(target.encode())
        taken.append(connection.recv(1))
        shelf.hide_track(FOLDER)
        while piece := connection.recv(sizes.randrange(1, 30_000)):
            taken.append(piece)
    assert b"".join(taken).partition(b"\r\n\r\n")[2] == expected
    assert gives_files_back(plane)


def test_threads_make_them_while_their_track_is_handed_over_anew(tmp_path: Path) -> None:
    """The key that one thread seals with may be let go of by another at that moment."""
    random = Random(9)
    samples = [sample_of(SLICE_START + random.randbytes(5_000)) for _ in range(600)]
    stored = StoredSegments.protected(tmp_path, samples, range(0, 600, 2), Protection("cbcs", AVC))
    numbers = iter(range(300))  # each once: what is asked for again is Python's

    def ask(plane: BarePlane) -> list[int]:
        return [
            number
            for number in numbers
            if answer(plane, f"{number}.m4s")[1] != stored.segment(number)
        ]

    with bare_plane(threads=3) as plane, ThreadPoolExecutor(4) as clients:
        shelf = PlaneShelf("edge-a", plane.memory)
        shelf.attach(plane.plane)
        show(shelf, stored)
        asking = [clients.submit(ask, plane) for _ in range(4)]
        while not all(each.done() for each in asking):
            show(shelf, stored)
            plane.plane.used()
            time.sleep(0.001)  # or the clients get no turn in this interpreter
        assert [wrong for each in asking for wrong in each.result()] == []
        shelf.hide_track(FOLDER)
        assert gives_files_back(plane)
    stored.close()


def test_its_files_are_given_back(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    for _ in range(3):
        show(shelf, stored)
        assert answer(plane, "0.m4s")[1] == stored.segment(0)
    shelf.hide_track(FOLDER)
    assert gives_files_back(plane)


def test_samples_that_are_not_in_memory_are_python_s(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    """What is hidden of them cannot be found without waiting."""
    show(shelf, stored)
    forget_pages(stored.folder / "track.flat")
    assert crosses(plane, "1.m4s")
    assert plane.counted("made") == 0


def test_samples_that_are_taken_whole_are_read_by_the_readers(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path
) -> None:
    random = Random(1)
    samples = samples_for(None, random, 300)
    stored = StoredSegments.protected(tmp_path, samples, [0], Protection("cbcs", None))
    show(shelf, stored)
    forget_pages(stored.folder / "track.flat")
    assert answer(plane, "0.m4s")[1] == stored.segment(0)
    assert plane.counted("disk_waits")
    stored.close()


@pytest.mark.parametrize(
    "samples",
    [
        [sample_of(SLICE_START + bytes(20))] * (MOST_SAMPLES + 1),
        [sample_of(SLICE_START + bytes(LARGEST_SAMPLE_BYTES))],
        [sample_of(SLICE_START + bytes(20)), b"\0\0\0\xff" + SLICE_START],
        [sample_of(b"\x65\xff")],
    ],
    ids=["very many", "very large", "no units", "no slice"],
)
def test_what_takes_long_or_makes_no_sense_is_python_s(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path, samples: list[bytes]
) -> None:
    stored = StoredSegments.protected(tmp_path, samples, [0], Protection("cbcs", AVC))
    show(shelf, stored)
    assert crosses(plane, "0.m4s")
    assert plane.counted("made") == 0
    stored.close()


def test_as_much_as_a_turn_allows_is_made(
    plane: BarePlane, shelf: PlaneShelf, tmp_path: Path
) -> None:
    samples = [sample_of(SLICE_START + bytes(20))] * MOST_SAMPLES
    samples[7] = sample_of(SLICE_START + bytes(LARGEST_SAMPLE_BYTES - 7))
    assert len(samples[7]) == LARGEST_SAMPLE_BYTES
    stored = StoredSegments.protected(tmp_path, samples, [0], Protection("cenc", AVC))
    show(shelf, stored)
    assert answer(plane, "0.m4s")[1] == stored.segment(0)
    stored.close()


def test_samples_that_have_become_fewer_break_the_answer_off(
    plane: BarePlane, shelf: PlaneShelf, stored: StoredSegments
) -> None:
    show(shelf, stored)
    samples = stored.folder / "track.flat"
    heads = sum(size for size, *_ in stored.rows[: stored.starts[1] + 46])
    os.truncate(samples, heads - 100)  # in the long last sample, whose head is still there
    with pytest.raises(ConnectionResetError):
        answer(plane, "1.m4s")
    assert plane.counted("disk_failures") == 1
    assert all(crosses(plane, "1.m4s") for _ in range(3))
    assert crosses(plane, "1.m4s"), "nor is it tried again"


def test_without_instructions_for_aes_it_is_not_shown(
    plane: BarePlane,
    shelf: PlaneShelf,
    stored: StoredSegments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelves, "AES_INSTRUCTIONS", False)
    assert not shelf.show_track(FOLDER, head_of(stored), stored)
    assert crosses(plane, "1.m4s")
