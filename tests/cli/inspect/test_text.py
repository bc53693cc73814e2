"""`sluice inspect` of text: tracks and what they are for, captions in pictures, chapters."""

import json

import msgspec
import pytest

from cli.inspect.text import inspection_text
from origin.packaging.inspection import Inspection, inspect_file
from origin.packaging.limits import Limits
from tests.fixtures.captions import add_captions, dtvcc_packet, pair
from tests.fixtures.media import Picture, make_clip
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_text

LINE21 = pair(0, 0x14, 0x20), pair(0, ord("H"), ord("i"))


@pytest.fixture(scope="module", params=[".mkv", ".mp4"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """A film with CEA-608 and -708, two subtitles, and two chapters."""
    folder = tmp_path_factory.mktemp("inspected")
    plain = make_clip(folder / "plain.mp4", Picture(count=250))
    captioned = add_captions(plain, folder / "captioned.mp4", *LINE21, *dtvcc_packet({1: b"Hi"}))
    codecs = {"subrip": "eng", "ass": "ger"} if request.param == ".mkv" else {"mov_text": "eng"}
    film = add_text(
        captioned, folder / f"film{request.param}", codecs, text=SUBRIP,
        chapters=((0, "One"), (6000, "Two")),
        dispositions=("default+hearing_impaired", "forced"),
    )  # fmt: skip
    return inspect_file(film, 4.0, Limits())


def test_captions_inside_of_pictures_are_told_by_channel(found: Inspection) -> None:
    assert found.video is not None
    assert found.video.closed_captions == ("CC1", "SERVICE1")
    assert "  captions inside of the pictures: CC1, SERVICE1\n" in inspection_text(found)


def test_text_says_its_language_and_what_it_is_for(found: Inspection) -> None:
    lines = [line for line in inspection_text(found).splitlines() if ": text " in line]
    if len(found.text) == 1:  # MP4, which has no flag for what is shown unasked
        assert lines == ["stream 1: text mov_text, language en, captions"]
        return
    assert lines == [
        "stream 1: text subrip, language en, captions, default",
        "stream 2: text ass, language de, forced",
    ]


def test_chapters_are_listed(found: Inspection) -> None:
    assert [(each.start_ms, each.title) for each in found.chapters] == [(0, "One"), (6000, "Two")]
    assert inspection_text(found).splitlines()[-2:] == [
        "chapter: 0.000 s, One", "chapter: 6.000 s, Two",
    ]  # fmt: skip


def test_json_has_all_of_it(found: Inspection) -> None:
    document = json.loads(msgspec.json.encode(found))
    assert document["video"]["closed_captions"] == ["CC1", "SERVICE1"]
    assert document["chapters"][1] == {"start_ms": 6000, "title": "Two"}
    assert set(document["text"][0]) >= {"language", "label", "default", "roles"}
