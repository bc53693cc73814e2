"""From an open build to the rendition that manifests speak of, cut to its title's excerpt."""

from dataclasses import replace
from fractions import Fraction

from core.media.excerpt import excerpt_of
from core.media.file_layout import FileHead, FileLayout
from core.media.iframe_file import iframe_file_head
from core.media.presentation import AudioTraits, Rendition, TrackKind, VideoTraits
from core.protection.bandwidth import protected_bandwidth, protected_iframes
from origin.delivery.builds import Build
from origin.delivery.offers import Offer
from origin.repository import Title


def rendition_of(
    title: Title, build: Build, offer: Offer, layout: FileLayout | None = None
) -> Rendition | None:
    """Give a build as a rendition of a title; None where the title's excerpt has none of it.

    `layout` is that of its encrypted file. Raises `UnprotectableTrack`.
    """
    whole = replace(_rendition(build, offer, layout), home=title.home)
    return whole if title.excerpt is None else excerpt_of(whole, title.excerpt)


def segments_of(title: Title, build: Build) -> range:
    """The numbers of the segments that a title has of a build."""
    if title.excerpt is None:
        return range(len(build.table))
    run = rendition_of(title, build, _clear(build))
    return range(0) if run is None else range(run.first, run.first + len(run.spans))


def has_iframe(title: Title, build: Build, number: int) -> bool:
    """Whether a title has the I-frame of that number."""
    if title.excerpt is None:
        return build.iframes is not None and number < len(build.iframes)
    run = rendition_of(title, build, _clear(build))
    shown = run.iframes if run is not None else None
    return shown is not None and 0 <= number - shown.first < len(shown)


def _clear(build: Build) -> Offer:
    return Offer(build.published, build.published.build_hash)


def _rendition(build: Build, offer: Offer, layout: FileLayout | None) -> Rendition:
    """Give what manifests say. Raises `UnprotectableTrack`."""
    track, table = build.published, build.table
    clear = Rendition(
        kind=track.kind,
        name=track.name,
        build_hash=offer.build_hash,
        codec=track.codec,
        timescale=track.timescale,
        spans=table.spans,
        bandwidth=table.peak_bandwidth,
        average_bandwidth=table.average_bandwidth,
        traits=_traits(build),
        independent=table.independent,
        layout=build.file.layout if build.file is not None else None,
        iframes=build.iframes,
        iframe_file=_iframe_file(build),
    )
    if offer.use is None:
        return clear
    by_units = offer.use.scheme.is_common and build.stored.divisions is not None
    peak, mean = protected_bandwidth(table, track.timescale, offer.use, by_units=by_units)
    return replace(
        clear,
        bandwidth=peak,
        average_bandwidth=mean,
        layout=layout,
        iframe_file=None,
        protection=offer.use,
        iframes=clear.iframes and protected_iframes(clear.iframes, track.timescale),
    )


def _iframe_file(build: Build) -> FileHead | None:
    return None if build.iframes is None else iframe_file_head(build.iframes, len(build.init))


def _traits(build: Build) -> VideoTraits | AudioTraits:
    track, description = build.published, build.stored.description
    if track.kind is TrackKind.VIDEO:
        rate = Fraction(*track.frame_rate) if track.frame_rate else None
        return VideoTraits(
            track.width or 0,
            track.height or 0,
            rate,
            video_range=description.video_range,
            supplemental_codec=description.supplemental_codec,
            colour=description.colour,
            closed_captions=track.closed_captions,
        )
    return AudioTraits(
        channels=track.channels or 0,
        sample_rate=track.sample_rate or 0,
        language=track.language or "und",
        label=track.label or "",
        default=track.is_default,
        roles=frozenset(track.roles),
        objects=description.objects,
    )
