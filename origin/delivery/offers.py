"""What of a title is offered under which name: a track as it is, or encrypted under a key.

A protected title has no clear segments: the names of its builds without a key lead nowhere. Where
several are joined, each part has its own protection and keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.media.presentation import TrackKind
from core.protection.content_key import KeyUse, protected_build_hash
from core.protection.scheme import Scheme
from core.protection.stored_key import StoredKey
from origin.repository import PublishedTrack, Title
from origin.stored_track import DamagedTrack


@dataclass(frozen=True, slots=True)
class Offer:
    """A track under the name that its URLs have; `use` is None where it is clear."""

    track: PublishedTrack
    build_hash: str
    use: KeyUse | None = None


def offers(title: Title, scheme: Scheme | None) -> Iterator[Offer]:
    """Give every track of a title under one scheme. Raises `DamagedTrack` where a key is gone."""
    for track in title.tracks:
        yield _offer(title, track, scheme)


def find_offer(title: Title, kind: str, name: str, build_hash: str) -> Offer | None:
    """Find what has this name; None where nothing has."""
    schemes: tuple[Scheme | None, ...] = title.protection.schemes or (None,)
    for track in title.tracks:
        if (track.kind, track.name) == (kind, name):
            for scheme in schemes:
                offer = _offer(title, track, scheme)
                if offer.build_hash == build_hash:
                    return offer
    return None


def find_key(title: Title, kid: bytes) -> StoredKey | None:
    """Find one of the keys that a title, or a part of it, is under now."""
    for part in title.all_parts:
        for key in part.keys:
            if key.kid == kid and key.scheme in part.protection.schemes:
                return key
    return None


def _offer(title: Title, track: PublishedTrack, scheme: Scheme | None) -> Offer:
    if scheme is None or track.kind is TrackKind.TEXT:
        return Offer(track, track.build_hash)
    for key in title.keys:
        if (key.scheme, key.kind) == (scheme, track.kind):
            use = KeyUse(scheme, key.kid, key.vector, track.number)
            return Offer(track, protected_build_hash(track.build_hash, use), use)
    raise DamagedTrack(f"video {title.video_id} has no key for {track.kind} under {scheme}")
