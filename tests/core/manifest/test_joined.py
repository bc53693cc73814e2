"""Renditions that continue each other through several presentations, and how they are written."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.manifest.dash import mpd
from core.manifest.hls import multivariant_playlist
from core.manifest.joined import Line, UnlikeParts, alike, joined, lines
from core.manifest.joined_hls import joined_iframe_playlist, joined_playlist
from core.manifest.joined_images import joined_image_iframes, joined_sprites
from core.media.excerpt import excerpt, excerpt_of
from core.media.iframes import IFrames
from core.media.presentation import Presentation, Rendition, TrackKind, Window
from core.media.storyboard import Storyboard
from core.media.ticks import MICROSECONDS, Ticks
from core.media.timeline import CutPlan, Span, cut_plan
from core.protection.content_key import KeyUse
from core.protection.scheme import Scheme
from tests.fixtures.playlists import parse_playlist
from tests.fixtures.presentations import audio, presentation, storyboard, tiles, video

DASH = {"dash": "urn:mpeg:dash:schema:mpd:2011"}


def part(*renditions: Rendition, length_us: int = 10_000_000, asset: str = "a") -> Presentation:
    return replace(presentation(*renditions), length_us=length_us, asset=asset)


@st.composite
def films(draw: st.DrawFn) -> tuple[CutPlan, tuple[Span, ...], int]:
    """A plan in some timescale, sound in frames of AAC that ends when it likes, and a length."""
    timescale = draw(st.sampled_from([12_800, 24_000, 30_000, 90_000]))
    lengths = draw(st.lists(st.integers(timescale, 7 * timescale), min_size=1, max_size=5))
    plan = cut_plan(tiles(lengths), timescale)
    sound = []
    for number, start in enumerate(plan.starts):
        stop = plan.starts[number + 1] if number + 1 < len(plan.starts) else plan.end
        frames = -(-stop * 48_000 // (timescale * 1024)) - -(-start * 48_000 // (timescale * 1024))
        sound.append(1024 * max(1, frames))
    sound[-1] = max(1, sound[-1] + draw(st.integers(-40_000, 90_000)))
    return plan, tiles(sound), max(2, plan.end * 1000 // timescale)


def names(presented: Presentation) -> list[str]:
    return [each.name for each in (*presented.video, *presented.audio)]


def test_each_height_takes_the_nearest_of_every_part() -> None:
    small, large = video("360p", size=(640, 360)), video("1080p", size=(1920, 1080))
    middle = video("720p")
    found = {line.name: line.renditions for line in lines([part(small, large), part(middle)])}
    assert found == {
        "avc1-360": (small, middle),
        "avc1-720": (small, middle),
        "avc1-1080": (large, middle),
    }


def test_lines_that_are_the_same_are_listed_once() -> None:
    parts = [part(video("360p", size=(640, 360)), video("1080p", size=(1920, 1080))), part(video())]
    assert names(joined("p_1", parts)) == ["avc1-360", "avc1-1080"]


def test_a_codec_that_a_part_lacks_is_in_no_line() -> None:
    hevc = video("hevc", codec="hvc1.1.6.L93.B0")
    parts = [part(video(), hevc), part(video())]
    assert names(joined("p_1", parts)) == ["avc1-720"]
    assert [len(each.video) for each in alike(parts)] == [1, 1]
    dolby = [part(video(), audio(codec=name)) for name in ("ac-3", "ec-3")]
    for unlike, kind in (([part(hevc), part(video())], "picture"), (dolby, "sound")):
        with pytest.raises(UnlikeParts, match=f"no codec of the {kind} in common"):
            joined("p_1", unlike)
        with pytest.raises(UnlikeParts, match=f"no codec of the {kind} in common"):
            mpd(*alike(unlike))


def test_languages_that_all_parts_have_are_choices() -> None:
    german = audio("de", language="deu", label="Deutsch", default=False)
    english = audio("en", language="eng")
    found = lines([part(english, german), part(english), part(english)])
    assert [(line.name, line.renditions) for line in found] == [("mp4a-en", (english,) * 3)]


def test_parts_in_different_languages_play_in_their_own() -> None:
    german, english = audio("de", language="deu"), audio("en", language="eng")
    presented = joined("p_1", [part(video(), german), part(video(), english)])
    assert names(presented) == ["avc1-720", "mp4a-main"]
    text = multivariant_playlist(presented)
    assert "LANGUAGE" not in text
    assert 'URI="a/mp4a-main/index.m3u8"' in text


def test_a_variant_promises_the_rates_of_its_dearest_part() -> None:
    parts = [
        part(video(bandwidth=1_000_000), length_us=30_000_000),
        part(video(bandwidth=5_000_000)),
    ]
    (variant,) = joined("p_1", parts).video
    assert variant.bandwidth == 5_000_000
    assert variant.average_bandwidth == (500_000 * 30 + 2_500_000 * 10) // 40


def test_a_part_begins_with_a_discontinuity_and_its_own_init_segment() -> None:
    one = replace(video("a", spans=tiles((96_000, 96_000))), build_hash="h1")
    two = replace(
        video("b", spans=tiles((48_000,), start=96_000)),
        build_hash="h2",
        window=Window(7, Ticks(96_000), 0),
    )
    parts = [part(one, length_us=8_000_000), part(two, length_us=2_000_000)]
    (line,) = lines(parts)
    assert joined_playlist(line, parts).splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="../../v/a/h1/init.mp4"',
        "#EXTINF:4.000000,",
        "../../v/a/h1/0.m4s",
        "#EXTINF:4.000000,",
        "../../v/a/h1/1.m4s",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="../../v/b/h2/init.mp4"',
        "#EXTINF:2.000000,",
        "../../v/b/h2/7.m4s",
        "#EXT-X-ENDLIST",
    ]


def test_every_line_reaches_a_discontinuity_at_the_same_time() -> None:
    sound = audio(spans=tiles((192_512, 192_512, 95_000)))
    parts = [part(video(), sound), part(video(), sound)]
    for line in lines(parts):
        played = parse_playlist(joined_playlist(line, parts)).durations
        assert sum(played[:3]) == sum(played[3:]) == Decimal(10)


def test_what_a_line_lacks_in_a_part_is_a_gap() -> None:
    parts = [part(video(), audio()), part(video(), length_us=6_000_000)]
    (line,) = [line for line in lines(parts) if line.kind == "a"]
    text = joined_playlist(line, parts)
    assert text.count("#EXT-X-GAP") == 2
    assert sum(parse_playlist(text.replace("#EXT-X-GAP\n", "")).durations) == Decimal(16)


def winding(name: str, *, first: int = 0, rate: int = 100_000) -> Rendition:
    """A picture of eight seconds with an I-frame every two."""
    shown = IFrames(tuple(range(4)), tuple(range(0, 192_001, 48_000)), 2 * rate, rate, first=first)
    return replace(video(name, spans=tiles((96_000, 96_000))), build_hash=name, iframes=shown)


def test_i_frames_go_on_through_the_parts() -> None:
    parts = [
        part(winding("a"), length_us=8_000_000),
        part(winding("b", first=3, rate=300_000), length_us=7_990_000),
    ]
    (line,) = lines(parts)
    text = joined_iframe_playlist(line, parts)
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-I-FRAMES-ONLY",
        '#EXT-X-MAP:URI="../../v/a/a/init.mp4"',
        *shown("../../v/a/a", range(4), "2.000000"),
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="../../v/b/b/init.mp4"',
        *shown("../../v/b/b", range(3, 6), "2.000000"),
        *shown("../../v/b/b", [6], "1.990000"),
        "#EXT-X-ENDLIST",
    ]
    assert sum(parse_playlist(text).durations) == Decimal("15.99")
    (tag,) = [
        each
        for each in parse_playlist(multivariant_playlist(joined("p_1", parts))).tags
        if each.name == "EXT-X-I-FRAME-STREAM-INF"
    ]
    assert tag.text("URI") == "v/avc1-720/iframe.m3u8"
    assert tag.attributes["BANDWIDTH"] == "600000"
    assert tag.attributes["AVERAGE-BANDWIDTH"] == str(-(-(100_000 * 800 + 300_000 * 799) // 1599))


def shown(folder: str, numbers: Iterable[int], seconds: str) -> list[str]:
    return [
        line
        for number in numbers
        for line in (f"#EXTINF:{seconds},", f"{folder}/iframe/{number}.m4s")
    ]


def test_a_part_without_i_frames_is_a_gap() -> None:
    parts = [part(winding("a"), length_us=8_000_000), part(video(), length_us=6_000_000)]
    (line,) = lines(parts)
    text = joined_iframe_playlist(line, parts)
    assert text.count("#EXT-X-GAP") == 2
    assert sum(parse_playlist(text.replace("#EXT-X-GAP\n", "")).durations) == Decimal(14)
    nothing = joined("p_1", [part(video()), part(video())])
    assert "I-FRAME" not in multivariant_playlist(nothing)


def test_small_pictures_go_on_through_the_parts() -> None:
    small = replace_board(storyboard(), name="b0", tile_width=160, tile_height=90, count=2)
    parts = [
        replace(part(video()), storyboard=replace_board(storyboard(), name="a0", count=5, first=3)),
        part(video(), length_us=3_000_000),
        replace(part(video(), length_us=3_990_000), storyboard=small),
    ]
    frames = joined_image_iframes(parts)
    assert [line for line in frames.splitlines() if not line.startswith("#EXTINF")] == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:3",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-I-FRAMES-ONLY",
        '#EXT-X-MAP:URI="a0/init.mp4"',
        *(f"a0/iframe/{number}.m4s" for number in range(3, 8)),
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-GAP",
        "gap",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="b0/init.mp4"',
        "b0/iframe/0.m4s",
        "b0/iframe/1.m4s",
        "#EXT-X-ENDLIST",
    ]
    sprites = joined_sprites(parts)
    assert "#EXT-X-IMAGES-ONLY" in sprites
    assert "#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=1x1,DURATION=2.000" in sprites
    for text in (frames, sprites):
        durations = parse_playlist(text.replace("#EXT-X-GAP\n", "")).durations
        assert sum(durations) == Decimal("16.99")
    boards = [each.storyboard for each in parts if each.storyboard is not None]
    master = multivariant_playlist(joined("p_1", parts), boards)
    assert 'CODECS="mjpg",RESOLUTION=284x160,URI="sb/iframe.m3u8"' in master
    assert 'CODECS="jpeg",RESOLUTION=284x160,URI="sb/sprites.m3u8"' in master


def replace_board(board: Storyboard, **what: object) -> Storyboard:
    """Give the tiles of a part, ten seconds of a film at most, each a file of its own."""
    alone = {"columns": 1, "rows": 1, "is_single": True, "duration_ms": 10_000, "lead_ms": 0}
    return msgspec.structs.replace(board, **alone, **what)


def test_start_is_told_once_for_the_whole() -> None:
    parts = [replace(part(video()), start_us=1_500_000), part(video())]
    for text in (
        multivariant_playlist(joined("p_1", parts)),
        joined_playlist(lines(parts)[0], parts),
    ):
        assert text.count("#EXT-X-START:TIME-OFFSET=1.500000,PRECISE=YES") == 1


def test_dash_has_a_period_for_each_part() -> None:
    one = part(video(), audio(), length_us=8_004_000)
    two = part(replace(video(), build_hash="other"), audio(), asset="b")
    root = ET.fromstring(mpd(one, one, two))
    periods = root.findall("dash:Period", DASH)
    assert [(each.get("start"), each.get("duration")) for each in periods] == [
        ("PT0S", "PT8.004S"),
        ("PT8.004S", "PT8.004S"),
        ("PT16.008S", "PT10.000S"),
    ]
    assert root.get("mediaPresentationDuration") == "PT26.008S"
    assets = [each.find("dash:AssetIdentifier", DASH) for each in periods]
    assert [each.get("value") for each in assets if each is not None] == ["a", "a", "b"]


@given(st.lists(films(), min_size=2, max_size=4))
def test_periods_and_playlists_last_as_long_as_their_pictures(
    made: list[tuple[CutPlan, tuple[Span, ...], int]],
) -> None:
    """Whenever the sound ends, whatever the timescale, and wherever a stretch begins and ends."""
    parts = []
    for plan, sound, end_ms in made:
        cut = excerpt(plan, end_ms, end_ms // 3, end_ms)
        pictures = excerpt_of(video(timescale=plan.timescale, spans=plan.spans), cut)
        heard = excerpt_of(audio(spans=sound), cut)
        assert pictures is not None
        found = [each for each in (pictures, heard) if each is not None]
        lasts = Fraction(sum(span.duration for span in pictures.spans), plan.timescale)
        assert abs(Fraction(cut.length_us, MICROSECONDS) - lasts) <= Fraction(1, MICROSECONDS)
        presented = part(*found, length_us=cut.length_us)
        parts.append(replace(presented, start_us=cut.lead_us, exact_us=cut.exact_us))
    root = ET.fromstring(mpd(*alike(parts)))
    periods = [
        (_microseconds(each.get("start")), _microseconds(each.get("duration")))
        for each in root.iterfind("dash:Period", DASH)
    ]
    assert [duration for _, duration in periods] == [
        *(each.length_us for each in parts[:-1]), parts[-1].end_us,
    ]  # fmt: skip
    assert [start for start, _ in periods] == list(
        accumulate((duration for _, duration in periods[:-1]), initial=0)
    )
    assert _microseconds(root.get("mediaPresentationDuration")) == sum(periods[-1])
    for line in lines(parts):
        for text, each in zip(
            joined_playlist(line, parts).split("#EXT-X-DISCONTINUITY"), parts, strict=True
        ):
            durations = map(Decimal, re.findall(r"#EXTINF:([0-9.]+),", text))
            assert sum(durations) == Decimal(each.length_us) / MICROSECONDS


def _microseconds(duration: str | None) -> int:
    assert duration is not None
    return int(Decimal(duration.removeprefix("PT").removesuffix("S")) * MICROSECONDS)


def test_periods_of_the_same_builds_are_connected() -> None:
    one = part(video(), audio())
    two = part(replace(video(), build_hash="other"), audio())
    periods = ET.fromstring(mpd(one, one, two)).findall("dash:Period", DASH)
    connected = [
        [each.get("value") for each in period.iterfind(".//dash:SupplementalProperty", DASH)]
        for period in periods
    ]
    assert connected == [[], ["0", "0"], []]


def test_an_excerpt_counts_from_its_origin() -> None:
    cut = replace(
        video(spans=tiles((96_000, 96_000), start=192_000)), window=Window(2, Ticks(192_000), 0)
    )
    (template,) = ET.fromstring(mpd(part(cut))).iterfind(".//dash:SegmentTemplate", DASH)
    assert template.get("presentationTimeOffset") == "192000"
    assert template.get("startNumber") == "2"
    (first,) = template.iterfind(".//dash:S", DASH)
    assert first.get("t") == "192000"


def under(rendition: Rendition, scheme: Scheme, number: int) -> Rendition:
    """The same under the key of that number."""
    use = KeyUse(scheme, bytes([number]) * 16, b"v" * 16, number)
    return replace(rendition, protection=use, build_hash=f"{number:020x}")


def keys_of(playlist: str) -> list[str]:
    """What of a playlist decides which key a segment is under, in short."""
    short = {
        r"#EXT-X-DISCONTINUITY": "-",
        r"#EXT-X-MAP:.*/([0-9a-f]{20})/init.mp4.*": r"init \1",
        r"#EXT-X-KEY:METHOD=NONE": "none",
        r"#EXT-X-KEY:METHOD=([A-Z0-9-]+),URI=.../../key/(..).{30}.(,IV=0x\w{32})?": r"\1 \2",
        r"../../v/720p/[0-9a-f]{20}/(\d+).m4s": r"\1",
        r"gap": "gap",
    }  # fmt: skip
    found = []
    for line in playlist.splitlines():
        for pattern, text in short.items():
            if match := re.fullmatch(pattern, line):
                found.append(match.expand(text).replace("0" * 18, ""))
    return found


def test_every_part_of_a_playlist_is_under_its_own_key() -> None:
    """The key of a part ends before the init segment of the next, which is never encrypted."""
    parts = [
        part(under(video(), Scheme.AES_128, 1)),
        part(video()),
        part(under(video(), Scheme.AES_128, 2)),
        part(under(video(), Scheme.AES_128, 3)),
    ]
    (line,) = lines(parts)
    assert keys_of(joined_playlist(line, parts)) == [
        "init 01", "AES-128 01", "0", "AES-128 01", "1", "AES-128 01", "2",
        "-", "none", "init 0123456789abcdef0123", "0", "1", "2",
        "-", "init 02", "AES-128 02", "0", "AES-128 02", "1", "AES-128 02", "2",
        "-", "none", "init 03", "AES-128 03", "0", "AES-128 03", "1", "AES-128 03", "2",
    ]  # fmt: skip


def test_keys_of_samples_are_named_once_for_each_part() -> None:
    """Also where two parts are of one film: a player may begin behind a discontinuity."""
    parts = [part(under(video(), Scheme.CBCS, number)) for number in (1, 1, 2)]
    (line,) = lines(parts)
    assert keys_of(joined_playlist(line, parts)) == [
        "init 01", "SAMPLE-AES 01", "0", "1", "2",
        "-", "none", "init 01", "SAMPLE-AES 01", "0", "1", "2",
        "-", "none", "init 02", "SAMPLE-AES 02", "0", "1", "2",
    ]  # fmt: skip


def test_a_gap_is_under_no_key() -> None:
    protected = under(video(), Scheme.AES_128, 1)
    parts = [part(protected), part(length_us=3_000_000), part(protected)]
    line = Line(TrackKind.VIDEO, "avc1-720", (protected, None, protected))
    found = keys_of(joined_playlist(line, parts))
    assert found[found.index("-") : found.index("gap") + 3] == ["-", "none", "gap", "-", "init 01"]


def test_a_multivariant_playlist_names_the_keys_of_all_parts_once() -> None:
    sounds = [under(audio(), Scheme.AES_128, number) for number in (3, 4)]
    parts = [
        part(under(video(), Scheme.AES_128, 1), sounds[0]),
        part(under(video(), Scheme.AES_128, 2), sounds[1]),
        part(under(video(), Scheme.AES_128, 1), sounds[0]),
        part(video(), audio()),
    ]
    master = multivariant_playlist(joined("s_1", parts))
    assert re.findall(r'SESSION-KEY:METHOD=AES-128,URI="key/(..)', master) == [
        "01", "03", "02", "04"
    ]  # fmt: skip


def test_every_period_has_the_key_of_its_part() -> None:
    parts = [
        part(under(video(), Scheme.CENC, 1)), part(video()), part(under(video(), Scheme.CENC, 2))
    ]  # fmt: skip
    root = ET.fromstring(mpd(*parts))
    named = [
        [
            each.get("{urn:mpeg:cenc:2013}default_KID", "")[:2]
            for each in period.iterfind(".//dash:ContentProtection[@value='cenc']", DASH)
        ]
        for period in root.iterfind("dash:Period", DASH)
    ]
    assert named == [["01"], [], ["02"]]


@pytest.mark.parametrize(
    ("starts_at", "number", "told"),
    [
        (384_384, 2, [("384384", "191456"), (None, "96000")]),
        (385_024, 2, [("384384", "192096"), (None, "96000")]),  # cut at its first sample after it
        (385_024, 0, [("385024", "191456"), (None, "96000")]),  # begins so late in its film
        (384_000, 2, [("384000", "191456"), (None, "96000")]),
    ],
)
def test_sound_that_was_cut_covers_the_beginning_of_its_period(
    starts_at: int, number: int, told: list[tuple[str | None, str]]
) -> None:
    cut = replace(
        audio(spans=tiles((191_456, 96_000), start=starts_at)),
        window=Window(number, Ticks(384_384), 0),
    )
    (template,) = ET.fromstring(mpd(part(cut))).iterfind(".//dash:SegmentTemplate", DASH)
    assert [(each.get("t"), each.get("d")) for each in template.iterfind(".//dash:S", DASH)] == told
