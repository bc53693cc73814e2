"""HLS playlists, read back by a parser of their own."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.manifest.hls import byte_range_playlist, media_playlist, multivariant_playlist
from core.media.file_layout import FileLayout
from core.media.presentation import Rendition
from tests.fixtures.playlists import Tag, parse_playlist
from tests.fixtures.presentations import NTSC, audio, presentation, tiles, video

LADDER = (
    video("240p", size=(426, 240), bandwidth=400_000, codec="avc1.640015"),
    video("720p", bandwidth=2_200_000),
    video("1080p", size=(1920, 1080), bandwidth=5_000_000, codec="avc1.640028"),
)


def variants(*renditions: Rendition) -> list[tuple[Tag, str]]:
    playlist = parse_playlist(multivariant_playlist(presentation(*renditions)))
    return [(tags[0], uri) for tags, uri in playlist.entries]


def alternatives(*renditions: Rendition) -> list[Tag]:
    playlist = parse_playlist(multivariant_playlist(presentation(*renditions)))
    return playlist.all("EXT-X-MEDIA")


def test_a_complete_multivariant_playlist() -> None:
    expected = (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-mp4a.40.2",NAME="English",LANGUAGE="en",'
        'DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="a/audio-eng-2ch/fedcba98765432100000/index.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2130000,AVERAGE-BANDWIDTH=1128000,"
        'CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,'
        'AUDIO="audio-mp4a.40.2",CLOSED-CAPTIONS=NONE\n'
        "v/720p/0123456789abcdef0123/index.m3u8\n"
    )
    assert multivariant_playlist(presentation(video(frame_rate=NTSC), audio())) == expected


def test_a_complete_media_playlist() -> None:
    expected = (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:4.000000,\n"
        "0.m4s\n"
        "#EXTINF:4.000000,\n"
        "1.m4s\n"
        "#EXTINF:2.000000,\n"
        "2.m4s\n"
        "#EXT-X-ENDLIST\n"
    )
    assert media_playlist(video()) == expected


def test_the_best_affordable_variant_comes_first_then_the_others_rising() -> None:
    order = [uri.split("/")[1] for _, uri in variants(*LADDER, audio())]
    assert order == ["720p", "240p", "1080p"]


def test_without_an_affordable_variant_the_lowest_comes_first() -> None:
    order = [uri.split("/")[1] for _, uri in variants(LADDER[2], video("8k", bandwidth=10**8))]
    assert order == ["1080p", "8k"]


def test_a_variant_counts_the_largest_audio_of_its_group() -> None:
    small, large = audio(bandwidth=100_000), audio("b", language="fre", bandwidth=300_000)
    ((tag, _),) = variants(video(), small, large)
    assert tag.attributes["BANDWIDTH"] == "2300000"
    assert tag.attributes["AVERAGE-BANDWIDTH"] == str(1_000_000 + 298_000)


def test_video_without_audio_names_no_group() -> None:
    ((tag, _),) = variants(video())
    assert tag.text("CODECS") == "avc1.64001f"
    assert "AUDIO" not in tag.attributes
    assert alternatives(video()) == []


def test_each_audio_codec_has_its_group_and_its_variants() -> None:
    plain, efficient = audio("lc"), audio("he", codec="mp4a.40.5", bandwidth=50_000)
    made = variants(*LADDER[:2], plain, efficient)
    assert len(made) == 4
    assert {(tag.text("CODECS"), tag.text("AUDIO")) for tag, _ in made} == {
        ("avc1.640015,mp4a.40.2", "audio-mp4a.40.2"),
        ("avc1.640015,mp4a.40.5", "audio-mp4a.40.5"),
        ("avc1.64001f,mp4a.40.2", "audio-mp4a.40.2"),
        ("avc1.64001f,mp4a.40.5", "audio-mp4a.40.5"),
    }
    tags = alternatives(*LADDER, plain, efficient)
    assert [(tag.text("GROUP-ID"), tag.attributes["DEFAULT"]) for tag in tags] == [
        ("audio-mp4a.40.2", "YES"),
        ("audio-mp4a.40.5", "YES"),
    ]


def test_names_in_a_group_differ_and_one_is_the_default() -> None:
    tags = alternatives(
        video(),
        audio("a", default=False),
        audio("b", channels=6, default=False),
        audio("c", channels=6, default=False),
        audio("d", language="ger", label="", default=True),
        audio("e", language="und", label="", default=True),
    )
    assert [tag.text("NAME") for tag in tags] == [
        "English", "English (5.1)", "English (5.1) 2", "de", "Audio",
    ]  # fmt: skip
    assert [tag.attributes["DEFAULT"] for tag in tags] == ["NO", "NO", "NO", "YES", "NO"]
    assert [tag.attributes.get("LANGUAGE") for tag in tags] == [
        '"en"', '"en"', '"en"', '"de"', None,
    ]  # fmt: skip


def test_names_that_would_look_the_same_in_a_playlist_are_told_apart() -> None:
    """What a quoted-string cannot hold is replaced, and blanks are no name."""
    labels = ('The "Cut"', "The 'Cut'", " ", "\x1f", "\tA\n")
    tags = alternatives(video(), *(audio(f"a-{n}", label=label) for n, label in enumerate(labels)))
    assert [tag.text("NAME") for tag in tags] == [
        "The 'Cut'", "The 'Cut' (stereo)", "en", "en (stereo)", "A",
    ]  # fmt: skip


def test_a_player_selects_by_itself_one_rendition_of_a_language() -> None:
    tags = alternatives(
        video(),
        audio("a", default=False),
        audio("b", channels=6, default=True),
        audio("c", language="ger", default=False),
        audio("d", language="ger", default=False),
    )
    assert [tag.attributes["AUTOSELECT"] for tag in tags] == ["NO", "YES", "YES", "NO"]
    assert all(
        tag.attributes["AUTOSELECT"] == "YES" for tag in tags if tag.attributes["DEFAULT"] == "YES"
    )


@given(st.text(max_size=30))
def test_any_label_is_one_quoted_string_on_one_line(label: str) -> None:
    (tag,) = alternatives(video(), audio(label=label))
    assert tag.text("CHANNELS") == "2"
    name = tag.text("NAME")
    visible = "".join(each if each.isprintable() else " " for each in label).strip()
    assert len(name) == len(visible or "en")


def test_audio_alone_plays_its_playlist() -> None:
    ((tag, uri),) = variants(audio())
    assert uri == "a/audio-eng-2ch/fedcba98765432100000/index.m3u8"
    assert tag.attributes == {
        "BANDWIDTH": "130000",
        "AVERAGE-BANDWIDTH": "128000",
        "CODECS": '"mp4a.40.2"',
    }


def test_audio_alone_in_two_qualities_is_two_variants() -> None:
    made = variants(audio("low", bandwidth=64_000), audio("high"))
    assert [uri.split("/")[1] for _, uri in made] == ["high", "low"]
    assert alternatives(audio("low"), audio("high")) == []


def test_audio_alone_in_two_languages_is_one_variant_with_a_choice() -> None:
    both = (audio("en", default=False), audio("de", language="ger", label="Deutsch"))
    ((tag, uri),) = variants(*both)
    assert uri.split("/")[1] == "de"
    assert tag.text("AUDIO") == "audio-mp4a.40.2"
    assert [each.text("NAME") for each in alternatives(*both)] == ["English", "Deutsch"]


def test_nothing_has_no_playlist() -> None:
    with pytest.raises(ValueError, match="p_1 has neither"):
        multivariant_playlist(presentation())
    with pytest.raises(ValueError, match="720p has no segment"):
        media_playlist(video(spans=()))


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Fraction(24), "24.000"),
        (NTSC, "29.970"),
        (Fraction(24_000, 1001), "23.976"),
        (Fraction(25, 2), "12.500"),
        (Fraction(120_000, 1001), "119.880"),
        (Fraction(1, 2), "0.500"),
    ],
)
def test_a_frame_rate_has_three_decimals(rate: Fraction, text: str) -> None:
    ((tag, _),) = variants(video(frame_rate=rate))
    assert tag.attributes["FRAME-RATE"] == text


@pytest.mark.parametrize("rate", [None, Fraction(300, 23)], ids=["unknown", "a mean"])
def test_a_frame_rate_that_is_not_the_highest_is_not_said(rate: Fraction | None) -> None:
    ((tag, _),) = variants(video(frame_rate=rate))
    assert "FRAME-RATE" not in tag.attributes


@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=300),
    st.sampled_from([1000, 12_800, 24_000, 30_000, 44_100, 48_000, 90_000, 1_000_000]),
    st.integers(0, 10**5),
)
def test_a_media_playlist_reads_back_as_the_track(
    durations: list[int], timescale: int, start: int
) -> None:
    rendition = video(timescale=timescale, spans=tiles(durations, start))
    playlist = parse_playlist(media_playlist(rendition))
    assert [uri for _, uri in playlist.entries] == [f"{n}.m4s" for n in range(len(durations))]
    position = Decimal(0)
    for read, span in zip(playlist.durations, rendition.spans, strict=True):
        position += read
        exact = Fraction(span.end, timescale)
        assert abs(Fraction(position) - exact) <= Fraction(1, 2_000_000)
    target = int(playlist.one("EXT-X-TARGETDURATION").value)
    assert all((each + Decimal("0.5")) // 1 <= target for each in playlist.durations)
    assert playlist.one("EXT-X-MAP").text("URI") == "init.mp4"
    assert playlist.tags[-1].name == "EXT-X-ENDLIST"


def test_a_track_that_starts_late_keeps_its_positions() -> None:
    late = audio(spans=tiles((96_000, 192_000), start=48_000))
    assert parse_playlist(media_playlist(late)).durations == [Decimal(3), Decimal(4)]


def test_a_name_is_escaped_in_addresses() -> None:
    ((_, uri),) = variants(video("a b/c?$"))
    assert uri == "v/a%20b%2Fc%3F%24/0123456789abcdef0123/index.m3u8"


def test_one_file_is_told_by_byte_ranges_with_the_same_durations() -> None:
    layout = FileLayout(init_bytes=700, index_bytes=76, fragments=(776, 1000, 1500, 1501))
    rendition = replace(video(), layout=layout)
    playlist = parse_playlist(byte_range_playlist(rendition))
    assert playlist.one("EXT-X-MAP").value == 'URI="track.mp4",BYTERANGE="700@0"'
    assert [address for _, address in playlist.entries] == ["track.mp4"] * 3
    assert [tag.value for tags, _ in playlist.entries for tag in tags[1:]] == [
        "224@776", "500@1000", "1@1500",
    ]  # fmt: skip
    assert playlist.durations == parse_playlist(media_playlist(rendition)).durations


def test_what_is_not_one_file_has_no_byte_ranges() -> None:
    with pytest.raises(ValueError, match="720p is not one file"):
        byte_range_playlist(video())


def test_a_rendition_without_builds_lies_under_its_name() -> None:
    shown = presentation(replace(video(), build_hash=""))
    assert multivariant_playlist(shown).splitlines()[-1] == "v/720p/index.m3u8"
