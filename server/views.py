"""Rows as documents: how the catalogue looks to a client."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from core.manifest.urls import WHOLE_TEXT
from core.media.language import UNDETERMINED
from core.media.video_range import HLG, PQ, SDR, is_hdr
from core.media.view import address
from core.protection.choice import Access
from core.protection.scheme import Protection
from server.caption_documents import caption_kind
from server.chapters import chapter_spans
from server.documents import (
    ChapterLinks,
    ClearKey,
    Drm,
    EditPart,
    HistoryEntry,
    IgnoredTrack,
    Playback,
    PlaybackId,
    Rendition,
    Source,
    Subtitles,
    Track,
    Video,
    VideoError,
    VideoLinks,
)
from server.identifiers import new_id
from server.ingredients import IngredientTrack
from server.links import Links
from server.playback_view import Extras, Seen
from server.repository import HistoryRow, PlaybackRow, TextRow, TrackRow, VideoRow
from server.signing import Signature

# The end of a film is its credits: whoever got there has seen it, and begins anew.
_SEEN_SHARE = 0.95
_SEEN_REST_MS = 10_000
HDR_NAMES: Final[Mapping[str, Literal["sdr", "hdr10", "hlg"]]] = {PQ: "hdr10", HLG: "hlg"}
DOLBY_VISION: Final = ("dvh", "dva", "dav")
"""How names of codecs begin that are nothing but Dolby Vision (as dvh1, dvav, dav1)."""


def resume_position_ms(position_ms: int | None, duration_ms: int | None) -> int:
    """Where to begin for somebody who was last at `position_ms`.

    From the beginning where that is unknown, or within the last 5 % or 10 s, whichever is longer.
    """
    if position_ms is None:
        return 0
    if duration_ms is None:
        return position_ms
    end_ms = min(_SEEN_SHARE * duration_ms, duration_ms - _SEEN_REST_MS)
    return position_ms if position_ms < end_ms else 0


def video_document(row: VideoRow, links: Links) -> Video:
    """A video as clients see it."""
    return Video(
        id=row.id,
        title=row.title,
        status=row.status,
        progress=row.progress,
        stage=row.stage,
        created_at=row.created_at,
        updated_at=row.updated_at,
        duration_ms=row.duration_ms,
        source=_source(row),
        parts=[EditPart(part.film_id, part.start_ms, part.end_ms) for part in row.parts],
        errors=_errors(row),
        tracks=_choices(row.tracks),
        renditions=[_rendition(track) for track in row.tracks],
        playback_ids=[_playback_id(row)],
        poster=_poster(row.poster_key, row.playback_id, links),
        links=VideoLinks(watch=links.watch(row.id), play=links.play(row.id)),
        chapters=chapter_spans(row.chapters, row.duration_ms),
        ignored_tracks=[
            IgnoredTrack(each.kind, each.codec, each.language, each.reason)
            for each in row.ignored_tracks
        ],
        storyboard=links.still_storyboard(row.playback_id) if row.has_storyboard else None,
    )


def playback_document(row: PlaybackRow, seen: Seen, links: Links) -> Playback:
    """What a player is told; a new session each time. Raises `SigningUnavailable`."""
    session_id = new_id()
    name = address(row.playback_id, seen.view)
    signature = links.signer.sign_playback(name, session_id, seen.duration_ms)
    resume_ms = resume_position_ms(row.position_ms, seen.duration_ms or row.watched_ms)
    extras = seen.extras or Extras((), row.has_chapters, row.has_storyboard)
    return Playback(
        playback_id=row.playback_id,
        session_id=session_id,
        title=row.title,
        hls=links.hls(name, signature),
        dash=links.dash(name, signature) if seen.protection.has_dash else None,
        poster=_poster(row.poster_key, row.playback_id, links),
        duration_ms=seen.duration_ms,
        start_ms=seen.start_ms,
        end_ms=seen.end_ms,
        resume_ms=0 if seen.view.has_range else resume_ms,
        token=None if signature is None else signature.token,
        expires_at=None if signature is None else signature.expires_at,
        subtitles=_texts(row, name, seen, links, signature),
        chapters=_chapter_links(name, links, signature) if extras.has_chapters else None,
        drm=_drm(seen.protection, links.licence(name, signature)),
        storyboard=links.storyboard(name, signature) if extras.has_storyboard else None,
        thumbnail=links.thumbnail(name, signature) if _shows_moments(row, seen) else None,
    )


def _shows_moments(row: PlaybackRow, seen: Seen) -> bool:
    """Whether there is a picture, which has a poster then, that an origin would decode."""
    return row.poster_key is not None and seen.protection is Protection.NONE


def history_document(row: HistoryRow, links: Links) -> HistoryEntry:
    """One entry of a history."""
    return HistoryEntry(
        video_id=row.video_id,
        title=row.title,
        poster=_poster(row.poster_key, row.playback_id, links),
        position_ms=row.position_ms,
        duration_ms=row.video_duration_ms or row.duration_ms,
        resume_ms=resume_position_ms(row.position_ms, row.video_duration_ms or row.duration_ms),
        session_id=row.session_id,
        event=row.event,
        client_ts=row.client_ts,
        updated_at=row.updated_at,
    )


def _source(row: VideoRow) -> Source | None:
    if row.source_filename is None or row.source_bytes is None:
        return None
    return Source(row.source_filename, row.source_bytes, row.source_repaired)


def _texts(
    row: PlaybackRow, name: str, seen: Seen, links: Links, signature: Signature | None
) -> list[Subtitles]:
    """Give the texts: each is a file, and of what was cut one that was cut, too."""
    if seen.extras is None:
        whole = [(text, f"t/{text.name}/{text.build_hash}/{WHOLE_TEXT}") for text in row.texts]
        return [_subtitles(text, links.media(name, signature, path)) for text, path in whole]
    cut = [(text, f"t/{text.name}/{WHOLE_TEXT}") for text in seen.extras.texts]
    return [_subtitles(text, links.media(name, signature, path)) for text, path in cut]


def _subtitles(text: TextRow | IngredientTrack, url: str) -> Subtitles:
    return Subtitles(
        id=text.name,
        kind=caption_kind(frozenset(text.roles)),
        language=text.language or UNDETERMINED,
        label=text.label,
        default=text.is_default,
        url=url,
    )


def _chapter_links(seen: str, links: Links, signature: Signature | None) -> ChapterLinks:
    return ChapterLinks(
        vtt=links.media(seen, signature, "chapters.vtt"),
        json=links.media(seen, signature, "chapters.json"),
    )


def _playback_id(row: VideoRow) -> PlaybackId:
    access = Access.of(row.playback_id, row.protection)
    return PlaybackId(row.playback_id, access.policy, access.protection)


def _drm(protection: Protection, licence_url: str) -> Drm | None:
    if protection is Protection.NONE:
        return None
    licensed = any(scheme.is_common for scheme in protection.schemes)
    return Drm(protection, ClearKey(licence_url) if licensed else None)


def _errors(row: VideoRow) -> list[VideoError]:
    """What failed: the steps of its own preparation, else what stands in its row."""
    if row.failures:
        return [VideoError(each.code, each.message, each.step) for each in row.failures]
    if row.error_code is None or row.error_message is None:
        return []
    return [VideoError(row.error_code, row.error_message)]


def _choices(tracks: Iterable[TrackRow]) -> list[Track]:
    """The renditions of one content are one choice."""
    contents: dict[tuple[object, ...], list[TrackRow]] = {}
    for each in tracks:
        key = each.kind, each.language, each.label, frozenset(each.roles)
        contents.setdefault(key, []).append(each)
    return [_choice(renditions) for renditions in contents.values()]


def _choice(renditions: Sequence[TrackRow]) -> Track:
    best = max(renditions, key=_quality)
    return Track(
        kind=best.kind,
        language=best.language,
        label=best.label,
        channels=best.channels,
        is_default=any(each.is_default for each in renditions),
        codec=best.codec,
        hdr=_hdr(best),
        width=best.width,
        height=best.height,
        frame_rate=_frame_rate(best),
        roles=best.roles,
        closed_captions=best.closed_captions,
    )


def _quality(track: TrackRow) -> tuple[int, bool, int, int]:
    """What makes a rendition better than another, the most important first."""
    pixels = (track.width or 0) * (track.height or 0)
    return pixels, is_hdr(track.video_range), track.channels or 0, track.average_bandwidth


def _hdr(track: TrackRow) -> Literal["sdr", "hdr10", "hlg", "dolby_vision"] | None:
    if track.kind != "v":
        return None
    if track.supplemental_codec is not None or track.codec.startswith(DOLBY_VISION):
        return "dolby_vision"
    return HDR_NAMES.get(track.video_range or SDR, "sdr")


def _rendition(track: TrackRow) -> Rendition:
    return Rendition(
        kind=track.kind,
        name=track.name,
        codec=track.codec,
        width=track.width,
        height=track.height,
        frame_rate=_frame_rate(track),
        channels=track.channels,
        sample_rate=track.sample_rate,
        language=track.language,
        bandwidth=track.bandwidth,
        average_bandwidth=track.average_bandwidth,
        video_range=track.video_range,
    )


def _frame_rate(track: TrackRow) -> float | None:
    if not track.frame_rate_num or not track.frame_rate_den:
        return None
    return round(track.frame_rate_num / track.frame_rate_den, 3)


def _poster(poster_key: str | None, playback_id: str, links: Links) -> str | None:
    return links.poster(playback_id, poster_key) if poster_key else None
