"""The MPD, read back as XML and expanded as a player would."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.manifest.dash import mpd, on_demand_mpd
from core.media.file_layout import FileLayout
from core.media.presentation import Presentation, Rendition
from tests.fixtures.mpd_schema import checked_mpd
from tests.fixtures.presentations import NTSC, audio, presentation, tiles, video

Element = ET.Element
MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}


def parse(shown: Presentation) -> Element:
    text = mpd(shown)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<MPD ')
    return checked_mpd(text.encode())


def sets(*renditions: Rendition) -> list[Element]:
    return parse(presentation(*renditions)).findall("Period/AdaptationSet", MPD)


def found(element: Element, path: str) -> Element:
    child = element.find(path, MPD)
    assert child is not None, path
    return child


def expanded(template: Element) -> Iterator[tuple[int, int, str]]:
    """Give start, duration and address of every segment (§5.3.9.6)."""
    number, time = int(template.attrib["startNumber"]), 0
    for run in template.findall("SegmentTimeline/S", MPD):
        time = int(run.get("t", time))
        for _ in range(int(run.get("r", "0")) + 1):
            address = template.attrib["media"].replace("$Number$", str(number))
            yield time, int(run.attrib["d"]), address
            number, time = number + 1, time + int(run.attrib["d"])


def test_a_complete_mpd() -> None:
    shown = presentation(video(frame_rate=NTSC), audio(), duration_ms=10_009)
    assert mpd(shown) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        'profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" '
        'type="static" mediaPresentationDuration="PT10.009S" minBufferTime="PT4.011S">\n'
        '  <Period id="0" start="PT0S">\n'
        '    <AdaptationSet id="0" contentType="video" mimeType="video/mp4" '
        'segmentAlignment="true" startWithSAP="1" maxWidth="1280" maxHeight="720" '
        'maxFrameRate="30000/1001">\n'
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main" />\n'
        '      <Representation id="v-720p" codecs="avc1.64001f" bandwidth="2000000" '
        'width="1280" height="720" sar="1:1" frameRate="30000/1001">\n'
        '        <SegmentTemplate timescale="24000" presentationTimeOffset="0" startNumber="0" '
        'initialization="v/720p/0123456789abcdef0123/init.mp4" '
        'media="v/720p/0123456789abcdef0123/$Number$.m4s">\n'
        "          <SegmentTimeline>\n"
        '            <S t="0" d="96000" r="1" />\n'
        '            <S d="48000" />\n'
        "          </SegmentTimeline>\n"
        "        </SegmentTemplate>\n"
        "      </Representation>\n"
        "    </AdaptationSet>\n"
        '    <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" '
        'segmentAlignment="true" startWithSAP="1" lang="en">\n'
        "      <Label>English</Label>\n"
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main" />\n'
        '      <Representation id="a-audio-eng-2ch" codecs="mp4a.40.2" bandwidth="130000" '
        'audioSamplingRate="48000">\n'
        '        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:'
        'audio_channel_configuration:2011" value="2" />\n'
        '        <SegmentTemplate timescale="48000" presentationTimeOffset="0" startNumber="0" '
        'initialization="a/audio-eng-2ch/fedcba98765432100000/init.mp4" '
        'media="a/audio-eng-2ch/fedcba98765432100000/$Number$.m4s">\n'
        "          <SegmentTimeline>\n"
        '            <S t="0" d="192512" r="1" />\n'
        '            <S d="95000" />\n'
        "          </SegmentTimeline>\n"
        "        </SegmentTemplate>\n"
        "      </Representation>\n"
        "    </AdaptationSet>\n"
        "  </Period>\n"
        "</MPD>\n"
    )


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=300),
    st.integers(0, 10**9),
)
def test_a_timeline_reads_back_as_the_track(durations: list[int], start: int) -> None:
    rendition = video(spans=tiles(durations, start))
    (adaptation_set,) = sets(rendition)
    segments = list(expanded(found(adaptation_set, "Representation/SegmentTemplate")))
    assert [(time, duration) for time, duration, _ in segments] == [
        (span.start, span.duration) for span in rendition.spans
    ]
    folder = "v/720p/0123456789abcdef0123"
    assert [address for _, _, address in segments] == [
        f"{folder}/{number}.m4s" for number in range(len(durations))
    ]


def test_runs_of_equal_durations_are_said_once() -> None:
    (adaptation_set,) = sets(video(spans=tiles((5,) * 1800)))
    timeline = found(adaptation_set, "Representation/SegmentTemplate/SegmentTimeline")
    assert [run.attrib for run in timeline] == [{"t": "0", "d": "5", "r": "1799"}]


def test_rungs_of_one_codec_share_a_set_that_says_its_maxima() -> None:
    (adaptation_set,) = sets(
        video("240p", size=(426, 240), codec="avc1.640015"),
        video("1080p", size=(1920, 1080), frame_rate=NTSC),
        video("4k", size=(3840, 2160), frame_rate=None),
    )
    assert adaptation_set.get("maxWidth") == "3840"
    assert adaptation_set.get("maxHeight") == "2160"
    assert adaptation_set.get("maxFrameRate") == "30000/1001"
    made = adaptation_set.findall("Representation", MPD)
    assert [each.get("id") for each in made] == ["v-240p", "v-1080p", "v-4k"]
    assert [each.get("frameRate") for each in made] == ["24", "30000/1001", None]


def test_another_codec_is_another_set() -> None:
    made = sets(video(), video("hevc", codec="hvc1.1.6.L93.B0"))
    assert [each.get("id") for each in made] == ["0", "1"]


def test_audio_is_set_apart_by_codec_language_label_and_channels() -> None:
    made = sets(
        audio("a"),
        audio("low", bandwidth=64_000),
        audio("b", channels=6, default=False),
        audio("c", language="ger", label="", default=False),
        audio("d", label="Comments", default=False),
        audio("e", codec="mp4a.40.5", default=False),
    )
    assert [len(each.findall("Representation", MPD)) for each in made] == [2, 1, 1, 1, 1]
    assert [each.get("lang") for each in made] == ["en", "en", "de", "en", "en"]
    assert [found(each, "Role").get("value") for each in made] == [
        "main", "alternate", "alternate", "alternate", "main",
    ]  # fmt: skip
    configuration = "Representation/AudioChannelConfiguration"
    assert [found(each, configuration).get("value") for each in made] == ["2", "6", "2", "2", "2"]


def test_an_unknown_language_is_not_said() -> None:
    (adaptation_set,) = sets(audio(language="und", label=""))
    assert adaptation_set.get("lang") is None
    assert adaptation_set.find("Label", MPD) is None


def test_seven_one_has_configuration_seven() -> None:
    (adaptation_set,) = sets(audio(channels=8))
    assert found(adaptation_set, "Representation/AudioChannelConfiguration").get("value") == "7"


@given(st.text(min_size=1, max_size=30))
def test_any_label_is_well_formed_xml(label: str) -> None:
    (adaptation_set,) = sets(audio(label=label))
    read = found(adaptation_set, "Label").text or ""
    assert len(read) == len(label)
    assert all(new == old or not old.isprintable() for new, old in zip(read, label, strict=True))


def test_the_minimum_buffer_holds_the_longest_segment() -> None:
    long = video(timescale=7, spans=tiles((8, 9)))
    assert parse(presentation(long, audio())).get("minBufferTime") == "PT4.011S"
    assert parse(presentation(long)).get("minBufferTime") == "PT1.286S"
    assert Fraction(9, 7) < Fraction("1.286")


def test_nothing_has_no_mpd() -> None:
    with pytest.raises(ValueError, match="p_1 has neither"):
        mpd(presentation())


def test_equal_presentations_have_equal_manifests() -> None:
    assert mpd(presentation(video(), audio())) == mpd(presentation(video(), audio()))


ON_DEMAND = "urn:mpeg:dash:profile:isoff-on-demand:2011,urn:mpeg:dash:profile:cmaf:2019"


def in_one_file(rendition: Rendition, *, init_bytes: int, index_bytes: int) -> Rendition:
    head = init_bytes + index_bytes
    return replace(rendition, layout=FileLayout(init_bytes, index_bytes, (head, head + 9)))


def test_the_on_demand_profile_names_one_file_and_where_its_index_lies() -> None:
    shown = presentation(
        in_one_file(video(), init_bytes=800, index_bytes=76),
        in_one_file(audio(), init_bytes=700, index_bytes=52),
    )
    root = checked_mpd(on_demand_mpd(shown))
    assert root.get("profiles") == ON_DEMAND
    assert (root.get("type"), root.get("mediaPresentationDuration")) == ("static", "PT10.000S")
    picture, sound = root.findall("Period/AdaptationSet", MPD)
    for each in (picture, sound):
        assert each.get("subsegmentAlignment") == "true"
        assert each.get("subsegmentStartsWithSAP") == "1"
        assert not {"segmentAlignment", "startWithSAP"} & set(each.attrib)
        assert each.find("Representation/SegmentTemplate", MPD) is None
    made = found(picture, "Representation")
    # The order in which the schema wants them (ISO/IEC 23009-1 §5.3.5.3).
    assert [child.tag.partition("}")[2] for child in made] == ["BaseURL", "SegmentBase"]
    assert found(made, "BaseURL").text == "v/720p/0123456789abcdef0123/track.mp4"
    assert found(made, "SegmentBase").attrib == {
        "timescale": "24000",
        "indexRange": "800-875",
        "indexRangeExact": "true",
    }
    assert found(made, "SegmentBase/Initialization").attrib == {"range": "0-799"}
    made = found(sound, "Representation")
    assert [child.tag.partition("}")[2] for child in made] == [
        "AudioChannelConfiguration", "BaseURL", "SegmentBase",
    ]  # fmt: skip
    assert found(made, "SegmentBase").get("indexRange") == "700-751"


def test_both_profiles_describe_the_same_renditions() -> None:
    shown = presentation(
        *(
            in_one_file(each, init_bytes=8, index_bytes=8)
            for each in (video("240p"), video(), audio(), audio("a", language="ger"))
        )
    )
    live, on_demand = parse(shown), checked_mpd(on_demand_mpd(shown))
    listed = [
        [each.attrib for each in root.findall("Period/AdaptationSet/Representation", MPD)]
        for root in (live, on_demand)
    ]
    assert listed[0] == listed[1]


def test_what_is_no_file_is_left_out_of_the_on_demand_profile() -> None:
    sound = in_one_file(audio(), init_bytes=8, index_bytes=8)
    picture = in_one_file(video(), init_bytes=8, index_bytes=8)
    root = checked_mpd(on_demand_mpd(presentation(video(), sound)))
    (kept,) = root.findall("Period/AdaptationSet", MPD)
    assert kept.get("contentType") == "audio"
    assert presentation(video(), picture, audio()).has_files
    assert presentation(sound).has_files
    # A film would play as sound alone.
    assert not presentation(video(), sound).has_files
    with pytest.raises(ValueError, match="p_1 has neither"):
        on_demand_mpd(presentation(video()))
