"""Every manifest keeps the rules of its format, and the rules find what breaks them."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.manifest.dash import mpd
from core.manifest.hls import media_playlist, multivariant_playlist
from core.media.presentation import Presentation, Rendition
from tests.fixtures.hls_grammar import checked_playlist
from tests.fixtures.mpd_schema import checked_mpd
from tests.fixtures.presentations import NTSC, audio, presentation, tiles, video

LABELS = st.text(max_size=30)
DURATIONS = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=20).map(tiles)
VIDEOS = st.builds(
    video,
    name=st.sampled_from(["240p", "720p", "1080p60"]),
    size=st.tuples(st.integers(2, 8192), st.integers(2, 8192)),
    frame_rate=st.sampled_from([None, Fraction(24), NTSC, Fraction(60)]),
    bandwidth=st.integers(10_000, 100_000_000),
    codec=st.sampled_from(["avc1.64001f", "avc1.42c01e"]),
    spans=DURATIONS,
)
AUDIOS = st.builds(
    audio,
    language=st.sampled_from(["und", "eng", "deu", "zh-Hans", "pt-br"]),
    label=LABELS,
    channels=st.sampled_from([1, 2, 6, 8]),
    default=st.booleans(),
    codec=st.sampled_from(["mp4a.40.2", "mp4a.40.5"]),
    spans=DURATIONS,
)


def named(renditions: list[Rendition]) -> tuple[Rendition, ...]:
    """As published: no two of a kind share a name."""
    return tuple({each.name: each for each in renditions}.values())


@st.composite
def shown(draw: st.DrawFn) -> Presentation:
    videos = draw(st.lists(VIDEOS, max_size=3))
    audios = draw(st.lists(AUDIOS, min_size=0 if videos else 1, max_size=4))
    sounds = [
        audio(
            f"audio-{number}",
            language=each.traits.language,  # type: ignore[union-attr]  # audio has audio's traits
            label=each.traits.label,  # type: ignore[union-attr]
            channels=each.traits.channels,  # type: ignore[union-attr]
            default=each.traits.default,  # type: ignore[union-attr]
            codec=each.codec,
            spans=each.spans,
        )
        for number, each in enumerate(audios)
    ]
    return presentation(*named(videos), *sounds)


@given(shown())
def test_whatever_is_published_has_valid_manifests(published: Presentation) -> None:
    checked_playlist(multivariant_playlist(published))
    checked_mpd(mpd(published))
    for rendition in (*published.video, *published.audio):
        checked_playlist(media_playlist(rendition))


MASTER = multivariant_playlist(presentation(video(), audio()))
MEDIA = media_playlist(video())
DOCUMENT = mpd(presentation(video(), audio()))


@pytest.mark.parametrize(
    ("check", "text", "old", "new", "complaint"),
    [
        (checked_playlist, MASTER, "#EXTM3U\n", "", "first line"),
        (checked_playlist, MASTER, "BANDWIDTH=", "BANDWITH=", "no BANDWIDTH"),
        (checked_playlist, MASTER, "DEFAULT=YES", "DEFAULT=MAYBE", "DEFAULT=MAYBE"),
        (checked_playlist, MASTER, 'AUDIO="audio-', 'AUDIO="others-', "no group"),
        (checked_playlist, MASTER, "#EXT-X-VERSION:7\n", "#EXT-X-VERSION:7\n\n", "empty line"),
        (checked_playlist, MASTER, "AUTOSELECT=YES", "AUTOSELECT=NO", "English"),
        (checked_playlist, MEDIA, "EXT-X-VERSION:7", "EXT-X-VERSION:5", "too low"),
        (checked_playlist, MEDIA, "TARGETDURATION:4", "TARGETDURATION:3", "4.4.3.1"),
        (checked_playlist, MEDIA, "#EXT-X-ENDLIST\n", "", "does not end"),
        (checked_playlist, MEDIA, "#EXTINF:4.000000,\n0.m4s\n", "0.m4s\n", "no EXTINF"),
        (checked_playlist, MEDIA, '#EXT-X-MAP:URI="init.mp4"\n', "", "EXT-X-MAP"),
        (checked_mpd, DOCUMENT, ' minBufferTime="PT4.011S"', "", "minBufferTime"),
        (checked_mpd, DOCUMENT, 'bandwidth="', 'bandwith="', "bandwidth"),
        (checked_mpd, DOCUMENT, '<S t="0"', '<S t="-1"', "'-1'"),
        (checked_mpd, DOCUMENT, 'id="1"', 'id="0"', "share an id"),
        (checked_mpd, DOCUMENT, "$Number$", "0", "all segments"),
        (checked_mpd, DOCUMENT, "<Role ", "<Rôle ", "not at this place"),
    ],
)
def test_what_breaks_a_rule_is_found(
    check: Callable[[str], object], text: str, old: str, new: str, complaint: str
) -> None:
    check(text)
    assert old in text
    with pytest.raises(AssertionError, match=complaint):
        check(text.replace(old, new))
