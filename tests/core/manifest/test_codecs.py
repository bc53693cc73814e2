"""What manifests say of codecs that do not play everywhere, beside those that do."""

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from core.manifest.dash import mpd
from core.manifest.hls import media_playlist, multivariant_playlist
from core.media.presentation import AudioTraits, Rendition, VideoTraits
from tests.fixtures.presentations import audio, presentation, video

MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
CICP = "urn:mpeg:mpegB:cicp:"
SDR = video("720p")
STEREO = audio("audio-eng-2ch")


def picture(rendition: Rendition, **changes: Any) -> Rendition:
    assert isinstance(rendition.traits, VideoTraits)
    return replace(rendition, traits=replace(rendition.traits, **changes))


def sound(rendition: Rendition, **changes: Any) -> Rendition:
    assert isinstance(rendition.traits, AudioTraits)
    return replace(rendition, traits=replace(rendition.traits, **changes))


HDR = picture(
    video("2160p-hevc", size=(3840, 2160), codec="hvc1.2.4.L150.90", bandwidth=9_000_000),
    video_range="PQ", colour=(9, 16, 9),
)  # fmt: skip
HLG = picture(video("1080p-hevc", codec="hvc1.2.4.L120.90"), video_range="HLG", colour=(9, 18, 9))
ATMOS = sound(
    audio("audio-eng-6ch-eac3", codec="ec-3", channels=6, bandwidth=448_000), objects=True
)


def variants(*renditions: Rendition) -> list[dict[str, str]]:
    text = multivariant_playlist(presentation(*renditions))
    lines = re.findall(r"#EXT-X-STREAM-INF:(.*)", text)
    return [dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line)) for line in lines]


def test_every_picture_comes_with_every_kind_of_sound() -> None:
    found = variants(HDR, SDR, ATMOS, STEREO)
    assert {(each["CODECS"], each["VIDEO-RANGE"]) for each in found} == {
        ('"hvc1.2.4.L150.90,ec-3"', "PQ"),
        ('"hvc1.2.4.L150.90,mp4a.40.2"', "PQ"),
        ('"avc1.64001f,ec-3"', "SDR"),
        ('"avc1.64001f,mp4a.40.2"', "SDR"),
    }


def test_what_plays_everywhere_is_where_players_begin() -> None:
    assert variants(HDR, SDR, ATMOS, STEREO)[0]["CODECS"] == '"avc1.64001f,mp4a.40.2"'
    small = video("360p-vp9", codec="vp09.00.21.08", bandwidth=300_000)
    assert variants(small, SDR, STEREO)[0]["CODECS"] == '"avc1.64001f,mp4a.40.2"'
    assert variants(small, STEREO)[0]["CODECS"] == '"vp09.00.21.08,mp4a.40.2"'


def test_dolby_vision_is_told_beside_the_codec_that_plays_without_it() -> None:
    (found,) = variants(picture(HDR, supplemental_codec="dvh1.08.06/db1p"))
    assert found["SUPPLEMENTAL-CODECS"] == '"dvh1.08.06/db1p"'
    assert "SUPPLEMENTAL-CODECS" not in variants(HDR)[0]


def test_sound_objects_are_told_with_the_channels() -> None:
    text = multivariant_playlist(presentation(SDR, ATMOS, STEREO))
    assert re.findall(r'CHANNELS="([^"]*)"', text) == ["16/JOC", "2"]


def test_a_language_that_a_group_lacks_comes_from_the_one_that_plays_everywhere() -> None:
    german = audio("audio-deu-2ch", language="deu", label="Deutsch", default=False)
    text = multivariant_playlist(presentation(SDR, ATMOS, STEREO, german))
    groups = re.findall(r'GROUP-ID="([^"]*)",NAME="([^"]*)"', text)
    assert sorted(groups) == [
        ("audio-ec-3", "Deutsch"), ("audio-ec-3", "English"),
        ("audio-mp4a.40.2", "Deutsch"), ("audio-mp4a.40.2", "English"),
    ]  # fmt: skip
    found = {each["AUDIO"]: each["CODECS"] for each in variants(SDR, ATMOS, STEREO, german)}
    assert found['"audio-ec-3"'] == '"avc1.64001f,ec-3,mp4a.40.2"'
    assert found['"audio-mp4a.40.2"'] == '"avc1.64001f,mp4a.40.2"'


def test_segments_are_called_independent_only_where_all_of_them_are() -> None:
    tag = "#EXT-X-INDEPENDENT-SEGMENTS"
    opened = replace(HDR, independent=False)
    assert tag in multivariant_playlist(presentation(HDR, SDR))
    assert tag not in multivariant_playlist(presentation(opened, SDR))
    assert tag in media_playlist(HDR)
    assert tag not in media_playlist(opened)


def sets(*renditions: Rendition) -> list[ET.Element]:
    text = mpd(presentation(*renditions))
    return ET.fromstring(text.encode()).findall("Period/AdaptationSet", MPD)


def told(element: ET.Element, name: str) -> list[tuple[str, str]]:
    return [
        (each.attrib["schemeIdUri"], each.attrib["value"]) for each in element.findall(name, MPD)
    ]


def test_ranges_of_light_are_sets_of_their_own() -> None:
    sdr_hevc = video("1080p-hevc", codec="hvc1.1.6.L120.90")
    pq, sdr, plain = sets(HDR, sdr_hevc, SDR)
    assert told(pq, "EssentialProperty") == [
        (f"{CICP}ColourPrimaries", "9"),
        (f"{CICP}TransferCharacteristics", "16"),
        (f"{CICP}MatrixCoefficients", "9"),
    ]
    assert told(sdr, "EssentialProperty") == told(plain, "EssentialProperty") == []
    names = [child.tag.rpartition("}")[2] for child in pq]
    assert names.index("EssentialProperty") < names.index("Role")  # as the schema orders them


def test_hlg_plays_on_plain_screens_too() -> None:
    (found,) = sets(HLG)
    assert (f"{CICP}TransferCharacteristics", "14") in told(found, "EssentialProperty")
    assert told(found, "SupplementalProperty") == [(f"{CICP}TransferCharacteristics", "18")]


def test_a_set_with_open_groups_says_so() -> None:
    starts = [each.attrib["startWithSAP"] for each in sets(replace(HDR, independent=False), SDR)]
    assert starts == ["3", "1"]


@pytest.mark.parametrize(
    ("codec", "channels", "scheme", "value"),
    [
        ("mp4a.40.2", 2, "urn:mpeg:dash:23003:3:audio_channel_configuration:2011", "2"),
        ("opus", 6, "urn:mpeg:dash:23003:3:audio_channel_configuration:2011", "6"),
        ("fLaC", 8, "urn:mpeg:dash:23003:3:audio_channel_configuration:2011", "7"),
        ("ac-3", 2, "tag:dolby.com,2014:dash:audio_channel_configuration:2011", "A000"),
        ("ac-3", 6, "tag:dolby.com,2014:dash:audio_channel_configuration:2011", "F801"),
        ("ec-3", 8, "tag:dolby.com,2014:dash:audio_channel_configuration:2011", "FA01"),
    ],
)
def test_channels_are_told_in_the_scheme_of_the_codec(
    codec: str, channels: int, scheme: str, value: str
) -> None:
    (found,) = sets(audio(codec=codec, channels=channels))
    (representation,) = found.findall("Representation", MPD)
    assert told(representation, "AudioChannelConfiguration") == [(scheme, value)]
    assert told(representation, "SupplementalProperty") == []


def test_sound_objects_are_told_in_dash() -> None:
    (found,) = sets(ATMOS)
    (representation,) = found.findall("Representation", MPD)
    scheme = "tag:dolby.com,2018:dash:EC3_ExtensionType:2018"
    assert told(representation, "SupplementalProperty") == [(scheme, "JOC")]


def test_traits_have_defaults_of_what_is_usual() -> None:
    assert isinstance(SDR.traits, VideoTraits)
    assert isinstance(STEREO.traits, AudioTraits)
    assert (SDR.traits.video_range, STEREO.traits.objects, SDR.independent) == ("SDR", False, True)
