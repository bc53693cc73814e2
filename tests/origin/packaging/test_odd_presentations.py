"""Edit lists and sample entries of every kind: what comes out is what FFmpeg shows of the file."""

from fractions import Fraction
from pathlib import Path

import pytest

from core.media.ladder import fixed_ladder
from core.media.presentation import TrackKind
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.track import CopyOutcome
from origin.packaging.transcode import transcode_video
from tests.fixtures.media import Picture, Seen, assemble, make_clip, read_pictures
from tests.fixtures.packaged import pictures_of
from tests.fixtures.spliced import edited, splice

FIRST = 1024
"""The media time of the first picture where there are B-frames."""
SECOND = 12800
HIDES = ["the file's edit list hides pictures"]
CHANGES = ["the coding parameters change on the way"]

Edits = tuple[tuple[int, int] | tuple[int, int, int], ...]
COPIED: dict[str, Edits] = {
    "a delay": ((500, -1), (2000, FIRST)),
    "two delays": ((500, -1), (250, -1), (2000, FIRST)),
    "joined": ((1000, FIRST), (1000, FIRST + SECOND)),
}
ENCODED: dict[str, tuple[Edits, str]] = {
    "a jump": (((520, FIRST), (480, FIRST + SECOND)), "jumps from 7680 to 13824"),
    "a jump to no key": (((520, FIRST), (480, 11264)), "jumps from 7680 to 11264"),
    "a repetition": (((1000, FIRST), (1000, FIRST)), "jumps from 13824 to 1024"),
    "the end first": (((1000, FIRST + SECOND), (1000, FIRST)), "jumps from 26624 to 1024"),
    "a pause": (
        ((1000, FIRST), (500, -1), (1000, FIRST + SECOND)), "has a pause in the middle",
    ),
    "a picture that stays": (((1000, FIRST, 0), (2000, FIRST)), "changes the speed"),
    "double speed": (((1000, FIRST, 2),), "changes the speed"),
    "a trim": (((1000, FIRST),), ""),
}  # fmt: skip


def shown(source: Path | bytes) -> list[Seen]:
    """Give the pictures, the first at 0."""
    seen = read_pictures(source)
    return [Seen(each.number, each.time - seen[0].time) for each in seen]


def copied(path: Path) -> CopyOutcome:
    return copy_tracks(path, probe(path, Limits()), path.parent / "out", Unwatched())


def encoded(path: Path) -> bytes:
    report = probe(path, Limits())
    assert report.video is not None
    rung = fixed_ladder(*report.video.display_size, report.video.rate)[-1]
    return assemble(
        transcode_video(path, report, rung, None, path.parent / "out", Unwatched()).directory
    )


def digests(source: bytes, base: int) -> list[tuple[Fraction, str]]:
    """Give time in seconds, from the first picture on, and digest of each picture."""
    pictures = pictures_of(source)
    return [(Fraction(time - pictures[0][0], base), digest) for time, digest in pictures]


@pytest.mark.parametrize("name", COPIED)
def test_what_is_one_stretch_is_copied(tmp_path: Path, name: str) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=2, count=50))
    edited(path, *COPIED[name])
    outcome = copied(path)
    assert (outcome.repaired, outcome.rejected) == ("", ())
    (track,) = outcome.tracks
    packaged = assemble(track.directory)
    assert shown(packaged) == shown(path)
    assert digests(packaged, 12800) == digests(path.read_bytes(), 12800)


def test_nothing_is_shown_in_an_empty_edit_at_the_end(tmp_path: Path) -> None:
    """FFmpeg 8 begins anew in it; §8.6.6.1 has nothing there."""
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=2, count=50))
    edited(path, (2000, FIRST), (500, -1))
    (track,) = copied(path).tracks
    assert [each.number for each in shown(assemble(track.directory))] == list(range(50))


@pytest.mark.parametrize("name", ENCODED)
def test_what_is_not_is_encoded_anew_with_the_same_times(tmp_path: Path, name: str) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=2, count=50))
    edits, reason = ENCODED[name]
    edited(path, *edits)
    outcome = copied(path)
    assert [each.reason for each in outcome.rejected] == HIDES
    assert outcome.repaired.startswith("moov/trak[1]/edts/elst at byte ") == bool(reason)
    assert outcome.repaired.endswith(reason)
    assert shown(encoded(path)) == shown(path)


def test_pictures_with_the_same_entry_twice_are_copied(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Picture(b_frames=2, count=20, gop=10))
    path = splice(tmp_path / "a.mp4", clip, clip)
    assert path.read_bytes().count(b"avcC") == 2
    outcome = copied(path)
    assert (outcome.repaired, outcome.rejected) == ("", ())
    (track,) = outcome.tracks
    assert track.kind is TrackKind.VIDEO
    assert [each.number for each in shown(assemble(track.directory))] == [*range(20), *range(20)]
    assert digests(assemble(track.directory), 12800) == digests(path.read_bytes(), 12800)


@pytest.mark.parametrize(
    "other",
    [
        Picture(b_frames=2, count=20, first=20, colour=(9, 16, 9)),
        Picture(b_frames=2, count=20, first=20, width=96),
    ],
    ids=["colour", "size"],
)
def test_pictures_with_different_entries_are_encoded(tmp_path: Path, other: Picture) -> None:
    first = make_clip(tmp_path / "1.mp4", Picture(b_frames=2, count=20))
    path = splice(tmp_path / "a.mp4", first, make_clip(tmp_path / "2.mp4", other))
    outcome = copied(path)
    assert outcome.repaired.startswith("moov/trak[1]/mdia/minf/stbl/stsd at byte ")
    assert outcome.repaired.endswith(" describes the samples in 2 ways")
    assert [each.reason for each in outcome.rejected] == CHANGES
    assert shown(encoded(path)) == shown(path)
