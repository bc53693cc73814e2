"""What tells players of I-frames: playlists, EXT-X-I-FRAME-STREAM-INF, trick mode sets."""

from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import multivariant_playlist
from core.manifest.hls_iframes import iframe_playlist
from core.media.file_layout import FileHead, FileLayout
from core.media.iframes import ByteRange, IFrames
from core.media.presentation import Rendition
from tests.fixtures.mpd_schema import checked_mpd
from tests.fixtures.presentations import NTSC, audio, presentation, video

MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
SHOWN = IFrames((0, 48, 96, 144), (0, 48_000, 96_000, 144_000, 240_000), 500_000, 300_000)


def winding(rendition: Rendition, shown: IFrames = SHOWN) -> Rendition:
    return replace(rendition, iframes=shown)


def test_a_complete_playlist() -> None:
    assert iframe_playlist(winding(video())) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-I-FRAMES-ONLY\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:2.000000,\niframe/0.m4s\n#EXTINF:2.000000,\niframe/1.m4s\n"
        "#EXTINF:2.000000,\niframe/2.m4s\n#EXTINF:4.000000,\niframe/3.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_durations_add_up_to_the_end_of_the_track_whatever_the_timescale() -> None:
    bounds = tuple(range(0, 1001 * 300, 1001))
    shown = IFrames(tuple(range(299)), bounds, 1, 1)
    text = iframe_playlist(winding(video(timescale=30_000), shown))
    durations = [
        Fraction(line.removeprefix("#EXTINF:").removesuffix(","))
        for line in text.splitlines()
        if line.startswith("#EXTINF")
    ]
    assert len(durations) == 299
    assert abs(sum(durations) - Fraction(bounds[-1], 30_000)) < Fraction(1, 1_000_000)


def test_ranges_lead_into_what_is_stored() -> None:
    ranges = tuple(ByteRange(f"{n}.m4s", 0, 900 + n) for n in range(4))
    text = iframe_playlist(winding(video(), replace(SHOWN, ranges=ranges)))
    assert "#EXTINF:2.000000,\n#EXT-X-BYTERANGE:901@0\n1.m4s\n" in text
    assert '#EXT-X-MAP:URI="init.mp4"\n' in text


def test_in_one_file_the_init_segment_is_a_range_too() -> None:
    ranges = tuple(ByteRange("track.mp4", 1000 * n, 900) for n in range(4))
    rendition = replace(
        winding(video(), replace(SHOWN, ranges=ranges)), layout=FileLayout(700, 68, (768, 4000))
    )
    text = iframe_playlist(rendition)
    assert '#EXT-X-MAP:URI="track.mp4",BYTERANGE="700@0"\n' in text
    assert "#EXT-X-BYTERANGE:900@3000\ntrack.mp4\n" in text


def test_a_rendition_without_i_frames_has_no_such_playlist() -> None:
    with pytest.raises(ValueError, match="no I-frame"):
        iframe_playlist(video())


def test_the_multivariant_playlist_names_each_after_the_variants_by_rising_bandwidth() -> None:
    large = winding(video("1080p", size=(1920, 1080), bandwidth=6_000_000))
    small = winding(video("240p", size=(426, 240)), replace(SHOWN, peak_bandwidth=40_000))
    lines = multivariant_playlist(presentation(large, small, audio())).splitlines()
    assert lines[-2:] == [
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={rate},AVERAGE-BANDWIDTH=300000,"
        f'CODECS="avc1.64001f",RESOLUTION={size},VIDEO-RANGE=SDR,'
        f'URI="v/{name}/0123456789abcdef0123/iframe.m3u8"'
        for rate, size, name in ((40_000, "426x240", "240p"), (500_000, "1920x1080", "1080p"))
    ]
    assert not any("I-FRAME" in line for line in lines[:-2])


def test_without_i_frames_nothing_is_announced() -> None:
    shown = presentation(video(), audio())
    assert "I-FRAME" not in multivariant_playlist(shown)
    assert "trickmode" not in mpd(shown)


def test_dash_has_a_trick_mode_set_for_each_set_of_pictures() -> None:
    members = (
        winding(video("720p", frame_rate=NTSC)),
        winding(video("hevc", codec="hvc1.2.4.L93.B0")),
        audio(),
    )
    sets = ET.fromstring(mpd(presentation(*members))).findall("Period/AdaptationSet", MPD)
    assert [each.get("contentType") for each in sets] == ["video", "video", "audio", *2 * ["video"]]
    assert [each.attrib["id"] for each in sets] == list("01234")
    for main, trick in ((sets[0], sets[3]), (sets[1], sets[4])):
        essential = trick.find("EssentialProperty", MPD)
        assert essential is not None
        assert essential.attrib == {
            "schemeIdUri": "http://dashif.org/guidelines/trickmode",
            "value": main.attrib["id"],
        }
        assert trick.get("codingDependency") == "false"
        own = main.find("Representation", MPD)
        found = trick.find("Representation", MPD)
        assert own is not None
        assert found is not None
        assert found.attrib["codecs"] == own.attrib["codecs"]
        assert found.attrib["id"] != own.attrib["id"]


def test_a_trick_mode_representation_says_when_its_i_frames_come() -> None:
    root = ET.fromstring(mpd(presentation(winding(video(frame_rate=NTSC)))))
    found = root.findall("Period/AdaptationSet", MPD)[-1].find("Representation", MPD)
    assert found is not None
    assert found.attrib == {
        "id": "v-720p-iframes",
        "codecs": "avc1.64001f",
        "bandwidth": "500000",
        "width": "1280",
        "height": "720",
        "sar": "1:1",
        "frameRate": "2/5",
        "maxPlayoutRate": "74",
    }
    template = found.find("SegmentTemplate", MPD)
    assert template is not None
    assert template.get("media") == "v/720p/0123456789abcdef0123/iframe/$Number$.m4s"
    assert template.get("initialization") == "v/720p/0123456789abcdef0123/init.mp4"
    runs = [each.attrib for each in template.iterfind("SegmentTimeline/S", MPD)]
    assert runs == [{"t": "0", "d": "48000", "r": "2"}, {"d": "96000"}]


def test_a_film_of_one_i_frame_has_a_frame_rate_above_nothing() -> None:
    lone = IFrames((0,), (0, 24_000 * 7200), 1, 1)
    root = ET.fromstring(mpd(presentation(winding(video(), lone))))
    found = root.findall("Period/AdaptationSet", MPD)[-1].find("Representation", MPD)
    assert found is not None
    assert found.get("frameRate") == "1/1001"


def test_the_on_demand_profile_has_them_in_one_file() -> None:
    rendition = replace(
        winding(video()),
        layout=FileLayout(700, 68, (768, 4000)),
        iframe_file=FileHead(700, 88),
    )
    root = checked_mpd(on_demand_mpd(presentation(rendition)))
    main, trick = root.findall("Period/AdaptationSet", MPD)
    essential = trick.find("EssentialProperty", MPD)
    assert essential is not None
    assert essential.attrib["value"] == main.attrib["id"]
    assert trick.attrib["subsegmentStartsWithSAP"] == "1"
    address = trick.find("Representation/BaseURL", MPD)
    base = trick.find("Representation/SegmentBase", MPD)
    assert address is not None
    assert base is not None
    assert address.text == "v/720p/0123456789abcdef0123/iframes.mp4"
    assert base.attrib["indexRange"] == "700-787"


def test_what_has_no_such_file_has_none_in_the_on_demand_profile() -> None:
    rendition = replace(winding(video()), layout=FileLayout(700, 68, (768, 4000)))
    assert "trickmode" not in on_demand_mpd(presentation(rendition))
