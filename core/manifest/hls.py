"""HLS playlists (RFC 8216bis, draft-pantos-hls-rfc8216bis)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from core.manifest.audio import AudioChoice, AudioGroup, audio_groups, filled
from core.manifest.hls_channels import channels_attribute
from core.manifest.hls_iframes import iframe_variants
from core.manifest.hls_images import image_variants
from core.manifest.hls_keys import segment_key, session_keys
from core.manifest.hls_syntax import quoted, yes
from core.manifest.hls_text import text_tags, variant_text
from core.manifest.hls_timing import (
    duration_tag,
    segment_durations_us,
    start_tag,
    target_duration,
)
from core.manifest.urls import (
    INIT_SEGMENT,
    MEDIA_PLAYLIST,
    TRACK_FILE,
    media_segment,
    playlist_folder,
    way_to_segments,
)
from core.media.frame_rate import is_steady
from core.media.presentation import Presentation, Rendition, VideoTraits
from core.media.roles import TrackRole, characteristics
from core.media.storyboard import Storyboard

VERSION = 7
"""EXT-X-MAP outside I-frame playlists needs 6; 7 is what players of fragmented MP4 expect."""

INDEPENDENT_SEGMENTS = "#EXT-X-INDEPENDENT-SEGMENTS"
USUAL_CODECS = re.compile(r'CODECS="avc1\.(42|4d|58|64)[0-9a-f]{4}(,mp4a\.40\.2)?"')
STARTING_BANDWIDTH = 2_500_000
"""Players begin with the first variant listed, before they have measured anything."""


def multivariant_playlist(presentation: Presentation, boards: Sequence[Storyboard] = ()) -> str:
    """Give the playlist that lists every variant and audio rendition, and what is for winding.

    The best variant within `STARTING_BANDWIDTH` comes first, the others follow by rising
    bandwidth. `boards` are those of its parts, where it has several. Raises `ValueError` when
    there is neither video nor audio.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}"]
    if all(each.independent for each in (*presentation.video, *presentation.audio)):
        lines.append(INDEPENDENT_SEGMENTS)
    lines += [*start_tag(presentation.start_us), *session_keys(presentation)]
    groups = audio_groups(presentation.audio)
    if presentation.video:
        groups = filled(groups)
        lines += _media_tags(groups)
        variants = [
            _video_variant(rendition, group)
            for rendition in presentation.video
            for group in groups or (None,)
        ]
    elif groups:
        alternatives = _alternatives(groups)
        lines += _media_tags(groups) if alternatives else []
        variants = [
            _audio_variant(choice, group if alternatives else None)
            for group in groups
            for choice in ((group.default,) if alternatives else group.choices)
        ]
    else:
        raise ValueError(f"presentation {presentation.playback_id} has neither video nor audio")
    lines += text_tags(presentation)
    text = "".join(f",{each}" for each in variant_text(presentation))
    for _, tag, uri in _starting_first(variants):
        lines += [tag + text, uri]
    lines += iframe_variants(presentation)
    if presentation.storyboard is not None:
        boards = (presentation.storyboard,)
    if boards:
        lines += image_variants(*boards)
    return "\n".join(lines) + "\n"


def media_playlist(rendition: Rendition) -> str:
    """Give the playlist of one rendition; segments lie beside it.

    Positions are rounded to the microsecond and durations are differences of positions, so the
    durations add up to the rounded end of the track however many there are. A track that starts
    late has the gap counted into its first segment: positions in the playlist are presentation
    times. Raises `ValueError` when there is no segment.
    """
    way, first = way_to_segments(rendition), rendition.first
    segments = [(f"{way}{media_segment(first + each)}",) for each in range(len(rendition.spans))]
    return _media_playlist(rendition, f'URI="{way}{INIT_SEGMENT}"', segments)


def byte_range_playlist(rendition: Rendition) -> str:
    """Give the same playlist over the rendition's one file (§4.4.4.2), which lies beside it.

    Raises `ValueError` when there is no segment or no such file.
    """
    layout = rendition.layout
    if layout is None:
        raise ValueError(f"rendition {rendition.name} is not one file")
    segments = [
        (f"#EXT-X-BYTERANGE:{stop - start}@{start}", TRACK_FILE)
        for start, stop in pairwise(layout.fragments)
    ]
    init = f'URI="{TRACK_FILE}",BYTERANGE="{layout.init_bytes}@0"'
    return _media_playlist(rendition, init, segments)


def _media_playlist(rendition: Rendition, init: str, segments: Sequence[Sequence[str]]) -> str:
    if not rendition.spans:
        raise ValueError(f"rendition {rendition.name} has no segment")
    durations = segment_durations_us(rendition)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_duration(durations)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        *((INDEPENDENT_SEGMENTS,) if rendition.independent else ()),
        *start_tag(rendition.window.start_us if rendition.window else 0),
        f"#EXT-X-MAP:{init}",
    ]
    for place, (duration, segment) in enumerate(zip(durations, segments, strict=True)):
        lines += [*segment_key(rendition, place, segment[-1]), duration_tag(duration), *segment]
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _media_tags(groups: Iterable[AudioGroup]) -> Iterator[str]:
    """Give EXT-X-MEDIA for every audio rendition (§4.4.6.1).

    A player may select by itself only one rendition of each language and purpose in a group.
    """
    for group in groups:
        selectable = {_selector(group.default): group.default}
        for choice in group.choices:
            if TrackRole.COMMENTARY not in choice.traits.roles:
                selectable.setdefault(_selector(choice), choice)
        for choice in group.choices:
            language, purpose = _selector(choice)
            attributes = [
                "TYPE=AUDIO",
                f"GROUP-ID={quoted(_group_id(group))}",
                f"NAME={quoted(choice.name)}",
                f"DEFAULT={yes(choice.is_default)}",
                f"AUTOSELECT={yes(selectable.get((language, purpose)) is choice)}",
                f"CHANNELS={quoted(channels_attribute(choice.traits))}",
                f"URI={quoted(_playlist_uri(choice.rendition))}",
            ]
            if language is not None:
                attributes.insert(3, f"LANGUAGE={quoted(language)}")
            if purpose:
                attributes.insert(-1, f"CHARACTERISTICS={quoted(purpose)}")
            yield f"#EXT-X-MEDIA:{','.join(attributes)}"


def _selector(choice: AudioChoice) -> tuple[str | None, str]:
    return choice.language, characteristics(choice.traits.roles)


def _alternatives(groups: Iterable[AudioGroup]) -> bool:
    """Tell whether audio alone offers a choice of content, not only of quality."""
    choices = [choice for group in groups for choice in group.choices]
    return len({(each.language, each.traits.label, each.traits.roles) for each in choices}) > 1


def _video_variant(rendition: Rendition, group: AudioGroup | None) -> tuple[int, str, str]:
    traits = rendition.traits
    if not isinstance(traits, VideoTraits):
        raise TypeError(f"rendition {rendition.name} has no video traits")
    peak, average, codecs = rendition.bandwidth, rendition.average_bandwidth, rendition.codec
    if group is not None:
        peak += group.peak_bandwidth
        average += group.average_bandwidth
        codecs = ",".join((codecs, *group.codecs))
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f"CODECS={quoted(codecs)}",
        f"RESOLUTION={traits.width}x{traits.height}",
    ]
    if traits.frame_rate is not None and is_steady(traits.frame_rate):
        # The highest there is, says §4.4.6.2: where the rate varies, only its mean is known.
        attributes.append(f"FRAME-RATE={_three_decimals(traits.frame_rate)}")
    attributes.append(f"VIDEO-RANGE={traits.video_range}")
    if traits.supplemental_codec:
        attributes.append(f"SUPPLEMENTAL-CODECS={quoted(traits.supplemental_codec)}")
    if group is not None:
        attributes.append(f"AUDIO={quoted(_group_id(group))}")
    return peak, f"#EXT-X-STREAM-INF:{','.join(attributes)}", _playlist_uri(rendition)


def _audio_variant(choice: AudioChoice, group: AudioGroup | None) -> tuple[int, str, str]:
    rendition = choice.rendition
    peak = group.peak_bandwidth if group else rendition.bandwidth
    average = group.average_bandwidth if group else rendition.average_bandwidth
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f"CODECS={quoted(rendition.codec)}",
    ]
    if group is not None:
        attributes.append(f"AUDIO={quoted(_group_id(group))}")
    return peak, f"#EXT-X-STREAM-INF:{','.join(attributes)}", _playlist_uri(rendition)


def _starting_first(variants: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Put the one to begin with first: of those that play everywhere, where there are any."""
    rising = sorted(variants, key=lambda variant: variant[0])
    usual = [variant for variant in rising if USUAL_CODECS.search(variant[1])] or rising
    affordable = [variant for variant in usual if variant[0] <= STARTING_BANDWIDTH]
    start = affordable[-1] if affordable else usual[0]
    return [start, *(variant for variant in rising if variant is not start)]


def _group_id(group: AudioGroup) -> str:
    return f"audio-{group.codec}"


def _playlist_uri(rendition: Rendition) -> str:
    return f"{playlist_folder(rendition)}/{MEDIA_PLAYLIST}"


def _three_decimals(rate: Fraction) -> str:
    thousandths = (2000 * rate.numerator + rate.denominator) // (2 * rate.denominator)
    return f"{thousandths // 1000}.{thousandths % 1000:03}"
