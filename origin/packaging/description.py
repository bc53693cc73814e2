"""What a copied track says of itself: its sample entry, and what manifests tell of it."""

from core.codecs.sound import AudioFormat, SourceSound
from core.codecs.video import VideoFormat
from core.isobmff.sample_entry import VisualTraits
from core.isobmff.visual_extensions import (
    VisualExtensions,
    child_content,
    visual_extensions,
)
from core.media.description import TrackDescription
from core.media.dolby_vision import sole_codec, supplemental_codec
from core.media.presentation import TrackKind
from core.media.video_range import PQ, video_range
from origin.packaging.report import AudioTrackInfo, VideoTrackInfo

AUDIO_ENTRY_BYTES = 36
"""The head of the box and the fields of an AudioSampleEntry (ISO/IEC 14496-12 §12.2.3)."""
PARAMETRIC_STEREO = "HE-AACv2"
UNSPECIFIED = frozenset({0, 2})


def video_description(
    track: VideoTrackInfo, carried: VideoFormat, source_entry: bytes
) -> TrackDescription:
    """Describe a track whose samples are stored in a format.

    `source_entry` is the sample entry of the source, empty where it has none: what it says of
    mastering display, light level and Dolby Vision goes before what FFmpeg says.
    """
    told = visual_extensions(source_entry) if source_entry else VisualExtensions()
    dovi = told.dovi or track.dolby_vision
    width, height = track.display_size
    traits = VisualTraits(
        pasp=None if track.pixel_aspect == (1, 1) else track.pixel_aspect,
        colr=None if set(track.colour) <= UNSPECIFIED else (*track.colour, track.full_range),
        mdcv=told.mdcv or track.mastering_display,
        clli=told.clli or track.light_level,
        dovi=dovi,
    )
    entry = carried.sample_entry(track.width, track.height, traits)
    sole = sole_codec(dovi, track.codec)
    return TrackDescription(
        kind=TrackKind.VIDEO,
        codec=sole or carried.codec_string,
        sample_entry=entry[:4] + sole[:4].encode() + entry[8:] if sole else entry,
        width=track.width,
        height=track.height,
        display_width=width,
        display_height=height,
        matrix=track.matrix,
        frame_rate=track.frame_rate,
        language=track.language,
        label=track.label,
        video_range=PQ if sole else video_range(track.colour),
        colour=track.colour,
        supplemental_codec=supplemental_codec(dovi, track.codec),
    )


def source_sound(track: AudioTrackInfo, entry: bytes) -> SourceSound:
    """Say what is known of a track before its samples; without a sample entry that is empty."""
    return SourceSound(
        codec=track.codec,
        record=track.record,
        channels=track.channels,
        sample_rate=track.sample_rate,
        dec3=child_content(entry, b"dec3", AUDIO_ENTRY_BYTES) if entry else b"",
        parametric=track.profile == PARAMETRIC_STEREO,
    )


def audio_description(track: AudioTrackInfo, carried: AudioFormat) -> TrackDescription:
    """Describe a track whose samples are stored in a format."""
    return TrackDescription(
        kind=TrackKind.AUDIO,
        codec=carried.codec_string,
        sample_entry=carried.sample_entry,
        channels=carried.channels,
        sample_rate=track.sample_rate,
        language=track.language,
        label=track.label,
        roles=track.roles,
        objects=carried.objects,
    )
