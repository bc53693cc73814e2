"""Encrypts a folder's tracks where they lie, before anybody sees the folder.

What was written is read again: the samples of a segment have to be in memory to be encrypted. A
track that is to be one file is written as segments first, and joined as they are encrypted.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.isobmff.protection import protected_init
from core.manifest.urls import INIT_SEGMENT, TRACK_FILE, media_segment
from core.media.file_layout import FileLayout
from core.media.presentation import Rendition, TrackKind
from core.protection.bandwidth import protected_bandwidth
from core.protection.content_key import ContentKey, KeyUse, resource_vector
from core.protection.track import (
    UnprotectableTrack,
    divisions,
    fits_padding,
    fragment_cipher,
    telling_pictures,
)
from core.protection.track_file import PADDED_PARTS, protected_file
from native import SEGMENT_TYPE_BYTES, Division, FragmentCipher, encrypt_resource
from origin.static.cutting import CutTrack
from origin.static.pictures import Seal, write_pictures
from origin.static.request import Arrangement, PackageProtection, RefusedSource
from origin.static.winding import leading_pictures
from origin.static.writing import PlacedTrack, writing


@dataclass(frozen=True, slots=True)
class ProtectedTrack:
    """A track that is encrypted, as manifests tell of it, and the bytes of its files."""

    rendition: Rendition
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Sealing:
    """What a track is under, and how its samples are divided; None where they are taken whole."""

    use: KeyUse
    key: ContentKey
    division: Division | None

    def init(self, track: CutTrack) -> bytes:
        """Give the track's init segment."""
        if not self.use.scheme.is_common:
            return track.init
        return protected_init(track.init, self.use, track.kind, by_units=self.division is not None)

    def seal(self) -> Seal:
        """Give what encrypts single segments."""
        if not self.use.scheme.is_common:
            return lambda name, header, body, _: _whole(self.use, self.key, name, header, body)
        cipher = fragment_cipher(self.use, self.key, self.division)
        return lambda _, header, body, sample: cipher.fragment(header, body, sample)


@dataclass(frozen=True, slots=True)
class _Files:
    """What a track became: bytes, those before the samples of each segment, its file's layout."""

    size_bytes: int
    heads: Sequence[int] = ()
    layout: FileLayout | None = None


def protect_tracks(
    placed: Sequence[PlacedTrack],
    protection: PackageProtection,
    arrangement: Arrangement,
    *,
    trick_play: bool = False,
) -> list[ProtectedTrack]:
    """Encrypt every track in its folder, where its segments are files; join them where wanted.

    With `trick_play` their I-frames are written as files of their own, encrypted as well. Raises
    `RefusedSource` for pictures that cannot be encrypted so and for tracks that cannot be one file,
    `RefusedFolder` and `StorageFull`.
    """
    made = []
    for place, each in enumerate(placed):
        sealing = _sealing(each.track, protection, place)
        protected = _protect(each, sealing, arrangement)
        if trick_play and each.track.kind is TrackKind.VIDEO:
            protected = _with_pictures(each, protected, sealing, arrangement)
        made.append(protected)
    return made


def _sealing(track: CutTrack, protection: PackageProtection, place: int) -> _Sealing:
    key = protection.keys[TrackKind.VIDEO if track.kind is TrackKind.VIDEO else TrackKind.AUDIO]
    use = KeyUse(protection.scheme, key.kid, protection.vector, protection.track_number(place))
    try:
        division = divisions(track.description) if use.scheme.is_common else None
    except UnprotectableTrack as fault:
        raise RefusedSource(f"{track.gathered.film.path.name}: {fault.message}") from fault
    return _Sealing(use, key, division)


def _protect(placed: PlacedTrack, sealing: _Sealing, arrangement: Arrangement) -> ProtectedTrack:
    track, use = placed.track, sealing.use
    if not use.scheme.is_common:
        files = _encrypt_whole(placed, sealing)
    elif arrangement is Arrangement.SINGLE_FILE:
        files = _join(placed, sealing)
    else:
        files = _encrypt(placed, sealing)
    rates = protected_bandwidth(
        track.table, track.index.timescale, use, by_units=sealing.division is not None
    )
    iframes = None
    if files.heads and placed.rendition.iframes is not None:
        iframes = leading_pictures(track.index, track.table, files.layout, files.heads)
    rendition = replace(
        placed.rendition,
        bandwidth=rates[0],
        average_bandwidth=rates[1],
        layout=files.layout,
        iframes=iframes,
        protection=use,
    )
    return ProtectedTrack(rendition, files.size_bytes)


def _with_pictures(
    placed: PlacedTrack, made: ProtectedTrack, sealing: _Sealing, arrangement: Arrangement
) -> ProtectedTrack:
    """Write the I-frames of a track once more, as files of their own."""
    init = sealing.init(placed.track)
    found = write_pictures(placed, arrangement, init, sealing.seal())
    if found is None:
        return made
    return ProtectedTrack(found.told(made.rendition), made.size_bytes + found.size_bytes)


def _encrypt_whole(placed: PlacedTrack, sealing: _Sealing) -> _Files:
    """Encrypt every segment as one resource; of such no part can be had."""
    use, key = sealing.use, sealing.key
    size_bytes = len(placed.track.init)
    for place in range(len(placed.track.table)):
        path = placed.folder / media_segment(place)
        header, body = _parts(path, placed.track, place)
        size_bytes += _replace(path, _whole(use, key, path.name, header, body))
    return _Files(size_bytes)


def _encrypt(placed: PlacedTrack, sealing: _Sealing) -> _Files:
    """Encrypt the samples of every segment."""
    track = placed.track
    size_bytes, heads = _replace(placed.folder / INIT_SEGMENT, sealing.init(track)), []
    cipher = fragment_cipher(sealing.use, sealing.key, sealing.division)
    for place, first in enumerate(track.table.first):
        path = placed.folder / media_segment(place)
        header, body = _parts(path, track, place)
        made = _sealed(cipher, track, header, body, first)
        heads.append(len(made) - len(body))
        size_bytes += _replace(path, made)
    return _Files(size_bytes, heads)


def _join(placed: PlacedTrack, sealing: _Sealing) -> _Files:
    """Encrypt the samples of every segment into the track's one file."""
    track, division = placed.track, sealing.division
    if division is not None and not fits_padding(division, _telling_pictures(placed, division)):
        raise RefusedSource(
            f"{track.gathered.film.path.name}: {track.name} has pictures of more than "
            f"{PADDED_PARTS} slices, or, in AV1, of several tiles, of which a single file would "
            "leave some clear: leave --single-file out"
        )
    init, scheme = sealing.init(track), sealing.use.scheme
    file = None
    if track.file is not None:
        divided = division is not None
        file = protected_file(track.file, init, track.table, scheme, divided=divided)
    if file is None:
        raise RefusedSource(
            f"{track.gathered.film.path.name}: {track.name} has too many segments, or too large "
            "ones, for the index of a single file"
        )
    cipher, heads = fragment_cipher(sealing.use, sealing.key, division, padded=True), []
    with writing(placed.folder), (placed.folder / TRACK_FILE).open("xb") as whole:
        whole.write(file.head)
        for place, first in enumerate(track.table.first):
            path = placed.folder / media_segment(place)
            header, body = _parts(path, track, place)
            made = _sealed(cipher, track, header[SEGMENT_TYPE_BYTES:], body, first)
            heads.append(len(made) - len(body))
            whole.write(made)
            path.unlink()
        (placed.folder / INIT_SEGMENT).unlink()
    return _Files(file.layout.length, heads, file.layout)


def _telling_pictures(placed: PlacedTrack, division: Division) -> Iterator[bytes]:
    """Give those samples of a track that was written as segments."""
    index, firsts = placed.track.index, placed.track.table.first
    for number in telling_pictures(index, division):
        place = bisect_right(firsts, number) - 1
        _, body = _parts(placed.folder / media_segment(place), placed.track, place)
        offset, length, *_ = index.sample(number)
        begin = offset - index.sample(firsts[place])[0]
        yield body[begin : begin + length]


def _parts(path: Path, track: CutTrack, place: int) -> tuple[bytes, bytes]:
    """Give a segment's header and its samples."""
    with writing(path):
        data = path.read_bytes()
    _, length, _, _ = track.index.segment(track.table.first[place], track.table.count[place])
    return data[:-length], data[-length:]


def _sealed(
    cipher: FragmentCipher, track: CutTrack, header: bytes, body: bytes, first: int
) -> bytes:
    try:
        return cipher.fragment(header, body, first)
    except ValueError as error:
        raise RefusedSource(
            f"{track.gathered.film.path.name}: {track.name} cannot be encrypted: {error}"
        ) from error


def _whole(use: KeyUse, key: ContentKey, name: str, header: bytes, body: bytes) -> bytes:
    return encrypt_resource(key.secret, resource_vector(use, name), header, body)


def _replace(path: Path, data: bytes) -> int:
    with writing(path):
        path.write_bytes(data)
    return len(data)
