"""From text tracks on disk to what one commit makes visible."""

from collections.abc import Sequence

from core.media.presentation import TrackKind
from core.media.timeline import CutPlan
from core.text.track import CODEC, MILLISECONDS, TEXT_NAME, bit_rates, track_name
from core.text.webvtt import parse_webvtt
from origin.packaging.text_file import PackagedText
from origin.repository import PublishedTrack
from runtime.storage import LocalStore


def text_tracks(
    store: LocalStore, prefix: str, packaged: Sequence[PackagedText], plan: CutPlan
) -> list[PublishedTrack]:
    """Read text tracks back and say what the catalogue needs of them; blocking.

    Names are distinct among these; the repository makes them distinct in the video.
    """
    tracks: list[PublishedTrack] = []
    duration_ms = plan.end * MILLISECONDS // plan.timescale
    for each in packaged:
        store_prefix = f"{prefix}/{each.directory.name}"
        text = (store.path(store_prefix) / TEXT_NAME).read_text("utf-8")
        content = parse_webvtt(text)
        peak, mean = bit_rates(content, duration_ms)
        taken = frozenset(track.name for track in tracks)
        tracks.append(
            PublishedTrack(
                kind=TrackKind.TEXT,
                name=track_name(each.language, each.roles, taken),
                build_hash=each.build_hash,
                store_prefix=store_prefix,
                codec=CODEC,
                timescale=MILLISECONDS,
                duration=content.end_ms,
                bandwidth=peak,
                average_bandwidth=mean,
                language=each.language,
                label=each.label or None,
                is_default=each.default,
                roles=each.roles,
            )
        )
    return tracks
