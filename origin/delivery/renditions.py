"""From an open build to the rendition that manifests speak of, cut to its title's excerpt."""

from fractions import Fraction

from core.media.excerpt import excerpt_of
from core.media.presentation import AudioTraits, Rendition, TrackKind, VideoTraits
from origin.delivery.builds import Build
from origin.repository import PublishedTrack, Title


def rendition_of(title: Title, build: Build) -> Rendition | None:
    """Give a build as a rendition of a title; None where the title's excerpt has none of it."""
    whole = _rendition(title, build)
    return whole if title.excerpt is None else excerpt_of(whole, title.excerpt)


def has_segment(title: Title, build: Build, number: int) -> bool:
    """Whether a title has the segment of that number."""
    if title.excerpt is None:
        return number < len(build.table)
    run = rendition_of(title, build)
    return run is not None and 0 <= number - run.first < len(run.spans)


def has_iframe(title: Title, build: Build, number: int) -> bool:
    """Whether a title has the I-frame of that number."""
    run = rendition_of(title, build)
    shown = run.iframes if run is not None else None
    return shown is not None and 0 <= number - shown.first < len(shown)


def _rendition(title: Title, build: Build) -> Rendition:
    track, table = build.published, build.table
    return Rendition(
        kind=track.kind,
        name=track.name,
        build_hash=track.build_hash,
        codec=track.codec,
        timescale=track.timescale,
        spans=table.spans,
        bandwidth=table.peak_bandwidth,
        average_bandwidth=table.average_bandwidth,
        traits=_traits(track),
        layout=build.file.layout if build.file is not None else None,
        iframes=build.iframes,
        home=title.home,
    )


def _traits(track: PublishedTrack) -> VideoTraits | AudioTraits:
    if track.kind is TrackKind.VIDEO:
        rate = Fraction(*track.frame_rate) if track.frame_rate else None
        return VideoTraits(track.width or 0, track.height or 0, rate)
    return AudioTraits(
        channels=track.channels or 0,
        sample_rate=track.sample_rate or 0,
        language=track.language or "und",
        label=track.label or "",
        default=track.is_default,
    )
