"""Text tracks taken out of files: every format, at the presentation's times."""

import struct
from pathlib import Path

import pytest

from core.isobmff.box import box
from core.media.roles import TrackRole
from core.text.webvtt import parse_webvtt
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.report import SourceReport
from origin.packaging.text import extract_text, read_text
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_pictures_of_text, add_text

HELLO = (1000, 2500, "<i>Hello</i> &amp; <b>you</b>")
TOP = (3200, 5000, "Top\nline")
OVERLAP = (4000, 6000, "overlap")
# Samples of tx3g and wvtt cannot overlap, and ffmpeg ends the first cue for the second.
CUT_SHORT = (3200, 4000, "Top\nline")

Shown = list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return make_clip(folder / "plain.mp4", Picture(count=175), Sound(samples=336_000))


def shown(path: Path, report: SourceReport) -> dict[str, Shown]:
    """What is read of each track, by language."""
    return {
        each.track.language: [(cue.start_ms, cue.end_ms, cue.text) for cue in each.content.cues]
        for each in read_text(path, report, Unwatched())
    }


def looked_at(path: Path) -> SourceReport:
    return probe(path, Limits())


@pytest.mark.parametrize(
    ("name", "codec", "cues"),
    [
        ("film.mp4", "mov_text", [HELLO, CUT_SHORT, OVERLAP]),
        ("film.mkv", "subrip", [HELLO, TOP, OVERLAP]),
        ("film.mkv", "ass", [HELLO, TOP, OVERLAP]),
        ("film.mkv", "webvtt", [(1000, 2500, "<i>Hello</i> & <b>you</b>"), TOP, OVERLAP]),
    ],
)
def test_every_format_gives_the_cues_at_their_times(
    film: Path, tmp_path: Path, name: str, codec: str, cues: Shown
) -> None:
    made = add_text(film, tmp_path / name, {codec: "ger"}, text=SUBRIP)
    report = looked_at(made)
    assert [track.codec for track in report.text] == [codec]
    assert shown(made, report) == {"de": cues}


def test_times_count_from_the_first_picture(film: Path, tmp_path: Path) -> None:
    """Matroska cannot hold times below zero, so ffmpeg moves all tracks; the text moves along."""
    late = make_clip(tmp_path / "late.mkv", Picture(count=175, b_frames=2))
    made = add_text(late, tmp_path / "film.mkv", {"subrip": "eng"}, text=SUBRIP)
    report = looked_at(made)
    assert report.video is not None
    start_ms = report.start * 1000
    (first, *_) = shown(made, report)["en"]
    assert abs(first[0] + start_ms - 1000 - start_ms) <= 40


def test_wvtt_is_read_by_the_files_own_tables(film: Path, tmp_path: Path) -> None:
    """FFmpeg has no name for it: ffmpeg's tx3g samples are replaced by samples of wvtt."""
    texts = ["a" * 90, "b" * 90]
    rows = "\n\n".join(
        f"{number}\n00:00:0{number},000 --> 00:00:0{number + 1},000\n{text}"
        for number, text in enumerate(texts, start=1)
    )
    made = add_text(film, tmp_path / "tx3g.mp4", {"mov_text": "eng"}, text=rows)
    data = made.read_bytes().replace(b"tx3g", b"wvtt").replace(b"sbtl", b"text")
    for text in texts:
        sample = struct.pack(">H", len(text)) + text.encode()
        cue = box(
            b"vttc", box(b"sttg", b"line:0") + box(b"payl", f"<i>{text[0]}</i> & co".encode())
        )
        assert sample in data
        data = data.replace(sample, cue + box(b"free", bytes(len(sample) - len(cue) - 8)))
    path = tmp_path / "wvtt.mp4"
    path.write_bytes(data)
    report = looked_at(path)
    assert [track.codec for track in report.text] == ["wvtt"]
    (read,) = read_text(path, report, Unwatched())
    assert [(cue.start_ms, cue.end_ms, cue.text, cue.settings) for cue in read.content.cues] == [
        (1000, 2000, "<i>a</i> & co", "line:0"),
        (2000, 3000, "<i>b</i> & co", "line:0"),
    ]


def test_flags_say_whom_a_track_is_for(film: Path, tmp_path: Path) -> None:
    made = add_text(
        film,
        tmp_path / "film.mkv",
        {"subrip": "eng", "ass": "ger", "webvtt": "fre"},
        text=SUBRIP,
        dispositions=("hearing_impaired+default", "forced", "comment"),
    )
    told = {track.language: (track.roles, track.default) for track in looked_at(made).text}
    assert told == {
        "en": ((TrackRole.CAPTIONS,), True),
        "de": ((TrackRole.FORCED,), False),
        "fr": ((TrackRole.COMMENTARY,), False),
    }


def test_a_default_that_several_tracks_claim_is_none(film: Path, tmp_path: Path) -> None:
    made = add_text(
        film,
        tmp_path / "film.mkv",
        {"subrip": "eng", "ass": "ger"},
        text=SUBRIP,
        dispositions=("default", "default"),
    )
    assert [track.default for track in looked_at(made).text] == [False, False]


def test_subtitles_that_are_pictures_are_named_and_the_film_plays(
    film: Path, tmp_path: Path
) -> None:
    codecs = ("copy", "dvdsub", "dvbsub")
    out = tmp_path / "film.mkv"
    report = looked_at(add_pictures_of_text(film, out, language="ger", codecs=codecs))
    assert report.video is not None
    assert report.text == ()
    assert [(each.kind, each.codec, each.language) for each in report.ignored] == [
        ("subtitle", name, "ger") for name in ("hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle")
    ]
    assert [each.reason for each in report.ignored] == [
        f"its subtitles are pictures ({name}), which cannot be made into text"
        for name in ("PGS", "VobSub", "DVB")
    ]


def test_chapters_count_from_the_first_picture(film: Path, tmp_path: Path) -> None:
    made = add_text(
        film, tmp_path / "film.mp4", {"mov_text": "eng"}, text=SUBRIP,
        chapters=((0, "One"), (3000, "Two & a half")),
    )  # fmt: skip
    report = looked_at(made)
    assert [(each.start_ms, each.title) for each in report.chapters] == [
        (0, "One"),
        (3000, "Two & a half"),
    ]
    assert report.ignored == ()  # the track that names them is none of its own


def test_text_is_written_as_webvtt_and_what_shows_nothing_is_left_out(
    film: Path, tmp_path: Path
) -> None:
    made = add_text(film, tmp_path / "film.mkv", {"subrip": "eng"}, text=SUBRIP)
    (packaged,) = extract_text(made, looked_at(made), tmp_path / "out", Unwatched())
    text = (packaged.directory / "text.vtt").read_text()
    assert len(parse_webvtt(text).cues) == packaged.cues == 3
    assert (packaged.size_bytes, packaged.end_ms) == (len(text), 6000)
    silent = add_text(
        film, tmp_path / "silent.mkv", {"subrip": "eng"},
        text="1\n00:00:01,000 --> 00:00:02,000\n<i></i>\n",
    )  # fmt: skip
    assert extract_text(silent, looked_at(silent), tmp_path / "none", Unwatched()) == []
