"""Encrypts a folder's tracks where they lie, before anybody sees the folder.

What was written is read again: the samples of a segment have to be in memory to be encrypted.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from core.isobmff.protection import protected_init
from core.manifest.urls import INIT_SEGMENT, media_segment
from core.media.presentation import Rendition, TrackKind
from core.protection.bandwidth import protected_bandwidth
from core.protection.content_key import ContentKey, KeyUse, resource_vector
from core.protection.scheme import Scheme
from core.protection.track import UnprotectableTrack, divisions, fragment_cipher
from native import encrypt_resource
from origin.static.cutting import CutTrack
from origin.static.request import PackageProtection, RefusedSource
from origin.static.writing import PlacedTrack, writing

PRIVATE_MODE: Final = 0o600


class KeyFile(msgspec.Struct, frozen=True):
    """What is written of keys that were made: all in hexadecimal."""

    scheme: Scheme
    keys: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class ProtectedTrack:
    """A track that is encrypted, as manifests tell of it, and the bytes of its files."""

    rendition: Rendition
    size_bytes: int


def protect_tracks(
    placed: Sequence[PlacedTrack], protection: PackageProtection
) -> list[ProtectedTrack]:
    """Encrypt every track in its folder.

    Raises `RefusedSource` for pictures that cannot be encrypted so, `RefusedFolder` and
    `StorageFull`.
    """
    return [_protect(each, protection, number) for number, each in enumerate(placed)]


def write_keys(path: Path, protection: PackageProtection) -> None:
    """Write the keys for their owner's eyes alone. Raises `RefusedFolder`, also where it exists."""
    keys = [
        {"kind": kind.value, "kid": key.kid.hex(), "key": key.secret.hex()}
        for kind, key in protection.keys.items()
    ]
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(KeyFile(protection.scheme, keys)) + b"\n")


def _protect(placed: PlacedTrack, protection: PackageProtection, number: int) -> ProtectedTrack:
    track, folder = placed.track, placed.folder
    key = protection.keys[TrackKind.VIDEO if track.kind is TrackKind.VIDEO else TrackKind.AUDIO]
    use = KeyUse(protection.scheme, key.kid, protection.vector, number)
    try:
        sets = divisions(track.description) if use.scheme.is_common else None
    except UnprotectableTrack as fault:
        raise RefusedSource(f"{track.gathered.film.path.name}: {fault.message}") from fault
    size_bytes = len(track.init)
    if use.scheme.is_common:
        init = protected_init(track.init, use, track.kind, by_units=sets is not None)
        size_bytes = _replace(folder / INIT_SEGMENT, init)
    cipher = fragment_cipher(use, key, sets) if use.scheme.is_common else None
    for place, first in enumerate(track.table.first):
        path = folder / media_segment(place)
        header, body = _parts(path, track, place)
        if cipher is None:
            made = _whole(use, key, path.name, header, body)
        else:
            made = cipher.fragment(header, body, first)
        size_bytes += _replace(path, made)
    rates = protected_bandwidth(track.table, track.index.timescale, use, by_units=sets is not None)
    rendition = replace(
        placed.rendition,
        bandwidth=rates[0],
        average_bandwidth=rates[1],
        layout=None,
        iframes=None,
        protection=use,
    )
    return ProtectedTrack(rendition, size_bytes)


def _parts(path: Path, track: CutTrack, place: int) -> tuple[bytes, bytes]:
    """Give a segment's header and its samples."""
    with writing(path):
        data = path.read_bytes()
    _, length, _, _ = track.index.segment(track.table.first[place], track.table.count[place])
    return data[:-length], data[-length:]


def _whole(use: KeyUse, key: ContentKey, name: str, header: bytes, body: bytes) -> bytes:
    return encrypt_resource(key.secret, resource_vector(use, name), header, body)


def _replace(path: Path, data: bytes) -> int:
    with writing(path):
        path.write_bytes(data)
    return len(data)
