"""What HLS and DASH say of text, of captions inside of pictures, and whom sound is for."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from core.manifest.dash import mpd
from core.manifest.hls import multivariant_playlist
from core.manifest.hls_text import text_playlist
from core.media.presentation import (
    AudioTraits,
    Presentation,
    Rendition,
    TextTraits,
    TrackKind,
    VideoTraits,
)
from core.media.roles import TrackRole
from tests.fixtures.presentations import audio, presentation, tiles, video

MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
PURPOSE = "urn:tva:metadata:cs:AudioPurposeCS:2007"


def text(
    language: str = "en",
    *roles: TrackRole,
    label: str = "",
    default: bool = False,
    name: str = "",
) -> Rendition:
    return Rendition(
        kind=TrackKind.TEXT,
        name=name or language,
        build_hash="00112233445566778899",
        codec="wvtt",
        timescale=24_000,
        spans=tiles((96_000, 96_000, 48_000)),
        bandwidth=500,
        average_bandwidth=300,
        traits=TextTraits(language, label, default, frozenset(roles)),
    )


def with_text(*texts: Rendition) -> Presentation:
    return replace(presentation(video(), audio()), text=texts)


def captioned(*channels: str, name: str = "720p") -> Rendition:
    made = video(name)
    assert isinstance(made.traits, VideoTraits)
    return replace(made, traits=replace(made.traits, closed_captions=channels))


def told(*roles: TrackRole, default: bool = False) -> Rendition:
    made = audio(f"audio-{'-'.join(roles)}", default=default, label="")
    assert isinstance(made.traits, AudioTraits)
    return replace(made, traits=replace(made.traits, roles=frozenset(roles)))


def media_tags(shown: Presentation, kind: str) -> list[dict[str, str]]:
    return [
        dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.partition(":")[2]))
        for line in multivariant_playlist(shown).splitlines()
        if f"TYPE={kind}," in line
    ]


def sets(shown: Presentation, kind: str) -> list[ET.Element]:
    root = ET.fromstring(mpd(shown).encode())
    return root.findall(f"Period/AdaptationSet[@contentType='{kind}']", MPD)


def test_a_complete_subtitle_tag() -> None:
    (tag,) = media_tags(with_text(text("pt-BR", default=True, label='The "best"')), "SUBTITLES")
    assert tag == {
        "TYPE": "SUBTITLES",
        "GROUP-ID": '"subtitles"',
        "NAME": "\"The 'best'\"",
        "LANGUAGE": '"pt-BR"',
        "DEFAULT": "YES",
        "AUTOSELECT": "YES",
        "URI": '"t/pt-BR/00112233445566778899/index.m3u8"',
    }


def test_names_within_the_group_differ_and_one_is_default() -> None:
    tags = media_tags(
        with_text(
            text(default=True), text(default=True), text("und"), text("en", TrackRole.CAPTIONS)
        ),
        "SUBTITLES",
    )
    assert [tag["NAME"] for tag in tags] == ['"en"', '"en 2"', '"Subtitles"', '"en (SDH)"']
    assert [tag["DEFAULT"] for tag in tags] == ["YES", "NO", "NO", "NO"]
    assert "LANGUAGE" not in tags[2]


def test_of_one_language_and_kind_a_player_may_select_one_by_itself() -> None:
    tags = media_tags(
        with_text(
            text(),
            text(),
            text("en", TrackRole.FORCED),
            text("en", TrackRole.CAPTIONS),
            text("de", TrackRole.COMMENTARY),
        ),
        "SUBTITLES",
    )
    assert [tag["AUTOSELECT"] for tag in tags] == ["YES", "NO", "YES", "YES", "NO"]
    assert [tag.get("FORCED") for tag in tags] == [None, None, "YES", None, None]


def test_the_playlist_of_text_has_a_segment_for_every_cut_and_no_map() -> None:
    assert text_playlist(text()) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:4.000000,\n0.vtt\n#EXTINF:4.000000,\n1.vtt\n"
        "#EXTINF:2.000000,\n2.vtt\n#EXT-X-ENDLIST\n"
    )


def test_captions_are_announced_that_every_picture_has() -> None:
    shown = presentation(
        captioned("CC1", "CC3", "SERVICE1"), captioned("CC1", "SERVICE1", name="360p"), audio()
    )
    tags = media_tags(shown, "CLOSED-CAPTIONS")
    assert [tag["INSTREAM-ID"] for tag in tags] == ['"CC1"', '"SERVICE1"']
    assert [tag["AUTOSELECT"] for tag in tags] == ["YES", "NO"]
    assert multivariant_playlist(shown).count('CLOSED-CAPTIONS="captions"') == 2
    (pictures,) = sets(shown, "video")
    told_of = {e.get("schemeIdUri"): e.get("value") for e in pictures.findall("Accessibility", MPD)}
    assert told_of == {
        "urn:scte:dash:cc:cea-608:2015": "CC1=und",
        "urn:scte:dash:cc:cea-708:2015": "1=lang:und",
    }


def test_captions_that_one_picture_lacks_are_not_announced() -> None:
    shown = presentation(captioned("CC1"), captioned(name="360p"))
    assert media_tags(shown, "CLOSED-CAPTIONS") == []
    assert multivariant_playlist(shown).count("CLOSED-CAPTIONS=NONE") == 2
    assert sets(shown, "video")[0].findall("Accessibility", MPD) == []


@pytest.mark.parametrize(
    ("roles", "kind"),
    [
        ((), ["subtitle"]),
        ((TrackRole.CAPTIONS,), ["caption"]),
        ((TrackRole.FORCED, TrackRole.CAPTIONS), ["forced-subtitle"]),
        ((TrackRole.COMMENTARY,), ["subtitle", "commentary"]),
    ],
)
def test_the_mpd_says_what_text_is_for(roles: tuple[TrackRole, ...], kind: list[str]) -> None:
    (adaptation_set,) = sets(with_text(text("en", *roles)), "text")
    assert [e.get("value") for e in adaptation_set.findall("Role", MPD)] == kind
    purposes = [e.get("value") for e in adaptation_set.findall("Accessibility", MPD)]
    assert purposes == (["2"] if TrackRole.CAPTIONS in roles else [])


def test_the_children_of_an_adaptation_set_are_in_the_order_of_the_schema() -> None:
    shown = with_text(text("en", TrackRole.CAPTIONS, label="English"))
    (adaptation_set,) = sets(shown, "text")
    names = [child.tag.partition("}")[2] for child in adaptation_set]
    assert names == ["Label", "Accessibility", "Role", "Representation"]


def test_sound_says_whom_it_is_for() -> None:
    shown = presentation(
        video(),
        told(default=True),
        told(TrackRole.DESCRIPTION),
        told(TrackRole.COMMENTARY),
        told(TrackRole.DUB),
    )
    tags = media_tags(shown, "AUDIO")
    assert [tag["NAME"] for tag in tags] == [
        '"en"', '"en (audio description)"', '"en (commentary)"', '"en (stereo)"',
    ]  # fmt: skip
    assert [tag.get("CHARACTERISTICS") for tag in tags] == [
        None, '"public.accessibility.describes-video"', None, None,
    ]  # fmt: skip
    assert [tag["AUTOSELECT"] for tag in tags] == ["YES", "YES", "NO", "NO"]
    roles = [[e.get("value") for e in each.findall("Role", MPD)] for each in sets(shown, "audio")]
    assert roles == [["main"], ["alternate"], ["commentary"], ["dub"]]
    (described,) = [
        each for each in sets(shown, "audio") if each.find("Accessibility", MPD) is not None
    ]
    accessibility = described.find("Accessibility", MPD)
    assert accessibility is not None
    assert accessibility.attrib == {"schemeIdUri": PURPOSE, "value": "1"}
