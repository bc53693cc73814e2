"""Looks at the usual MP4 file without FFmpeg: one picture in H.264, sound in AAC, nothing else.

FFmpeg takes longer to load than such a film takes to package. What is found here is what `probe`
would find; of a file that holds anything more, or says anything that FFmpeg may read in its own
way, nothing is said, and FFmpeg is asked.
"""

import os
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from core.codecs.aac import aac_configuration, mp4a_codec_string
from core.codecs.avc import avc_configuration
from core.codecs.avc_parameters import AvcPicture, avc_picture
from core.isobmff.box_reader import BoxSpan, child_boxes
from core.isobmff.movie import Movie, MovieTrack, read_movie, sample_table
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.description import IDENTITY_MATRIX
from core.media.frame_rate import nominal_rate
from native import MalformedMovie
from origin.packaging.decision import COPIED, judge_audio, judge_video
from origin.packaging.limits import Limits
from origin.packaging.movie_file import read_parts
from origin.packaging.report import (
    AudioTrackInfo,
    SourceReport,
    VideoTrackInfo,
    sane_pixel_aspect,
)

CONTAINER: Final = "mov,mp4,m4a,3gp,3g2,mj2"
MOST_SOUND: Final = 16
PROFILES: Final = {66: "Baseline", 77: "Main", 100: "High"}
CONSTRAINED: Final = 0x40
# Of what stands beside the configuration FFmpeg knows more than is read here.
PICTURE_BOXES: Final = frozenset({b"avcC", b"pasp", b"btrt", b"colr"})
SOUND_BOXES: Final = frozenset({b"esds", b"btrt"})
TRACK_BOXES: Final = frozenset({b"tkhd", b"mdia", b"edts"})
MEDIA_BOXES: Final = frozenset({b"mdhd", b"hdlr", b"minf"})
# Cover pictures, chapters of Nero's kind, and a movie that is turned as a whole.
TOLD_ELSEWHERE: Final = (b"covr", b"chpl")
ISO_LANGUAGES: Final = 0x400
PICTURE_ENTRY: Final = 86
SOUND_ENTRY: Final = 36
# Sound at lower rates may carry its upper band in a way that only the samples tell.
LEAST_RATE: Final = 32_000
HIGHEST_RATE: Final = 300
LARGEST_TERM: Final = 0x7FFFFFFF
PRIMARIES: Final = frozenset({1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12})
TRANSFERS: Final = frozenset({1, 2, *range(4, 19)})
MATRICES: Final = frozenset({1, 2, 4, 5, 6, 7, 8, 9, 10})
UNSAID: Final = (2, 2, 2)
ES, DECODER_CONFIGURATION, DECODER_SPECIFIC = 3, 4, 5
MPEG4_AUDIO: Final = 0x40


class AskFFmpegError(Exception):
    """The file is not of the usual kind."""


def probe_movie(path: Path, limits: Limits) -> SourceReport | None:
    """Examine a file; None where FFmpeg has to. Raises `OSError` where it cannot be read."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        movie = read_movie(read_parts(file))
        return _report(movie, limits)
    except (
        MalformedMovie, AskFFmpegError, InvalidDecoderConfiguration, ValueError, IndexError,
    ):  # fmt: skip
        return None
    finally:
        os.close(file)


def _report(movie: Movie, limits: Limits) -> SourceReport:
    data = movie.moov.data
    _expect(not movie.fragmented)
    duration_ms = _duration_ms(movie)
    _expect(not any(kind in data for kind in TOLD_ELSEWHERE))
    spans = list(_all(data, BoxSpan(b"moov", "moov", 0, movie.moov.content, len(data)), b"trak"))
    pictures: list[VideoTrackInfo] = []
    sounds: list[AudioTrackInfo] = []
    languages: Counter[str] = Counter()
    has_default = any(track.enabled for track in movie.tracks if track.handler == b"soun")
    for stream, (track, span) in enumerate(zip(movie.tracks, spans, strict=True)):
        _check_told(data, span)
        table = sample_table(movie, track)
        _expect(table.sample_count > 0 and len(track.entries) == 1)
        if track.handler == b"vide":
            rate = Fraction(track.timescale * table.sample_count, table.duration)
            pictures.append(_picture(data, track, stream, nominal_rate(rate)))
        else:
            _expect(track.handler == b"soun")
            default = track.enabled if has_default else not sounds
            sounds.append(_sound(data, track, stream, languages[track.language], default=default))
            languages[track.language] += 1
    _expect(len(pictures) == 1 and len(sounds) <= MOST_SOUND)
    _check_size(pictures[0], limits)
    return SourceReport(
        container=CONTAINER,
        size_bytes=movie.parts.file_bytes,
        duration_ms=duration_ms,
        zero=(0, 1),
        video=pictures[0],
        audio=tuple(sounds),
    )


def _picture(data: bytes, track: MovieTrack, stream: int, rate: Fraction) -> VideoTrackInfo:
    (entry,) = track.entries
    _expect(entry.kind == b"avc1" and track.matrix == IDENTITY_MATRIX)
    _expect(0 < rate <= HIGHEST_RATE and max(rate.as_integer_ratio()) <= LARGEST_TERM)
    boxes = _entry_boxes(data, entry.span, PICTURE_ENTRY, PICTURE_BOXES)
    record = _content(data, boxes[b"avcC"])
    shown = _sequence_picture(record)
    _expect(shown.frames_only and shown.profile in PROFILES)
    _expect((shown.chroma_format, shown.luma_depth, shown.chroma_depth) == (1, 8, 8))
    pixel_format = "yuvj420p" if shown.full_range else "yuv420p"
    avc_configuration(record)
    _expect(judge_video("h264", pixel_format, "", interlaced=False) == COPIED)
    constrained = shown.profile == 66 and shown.constraints & CONSTRAINED
    return VideoTrackInfo(
        index=stream,
        decision=COPIED.decision,
        reason=COPIED.reason,
        codec="h264",
        profile=f"{'Constrained ' if constrained else ''}{PROFILES[shown.profile]}",
        pixel_format=pixel_format,
        bit_depth=8,
        width=shown.width,
        height=shown.height,
        pixel_aspect=_pixel_aspect(data, track, boxes, shown),
        frame_rate=rate.as_integer_ratio(),
        variable_rate=False,
        interlaced=False,
        colour=_colour(boxes, shown),
        full_range=shown.full_range,
        time_base=(1, track.timescale),
        start=0,
        language=track.language,
        track_id=track.track_id,
        record=record,
    )


def _sequence_picture(record: bytes) -> AvcPicture:
    """Read the one sequence parameter set of an `avcC`."""
    _expect(len(record) > 8 and record[5] & 31 == 1)
    length = int.from_bytes(record[6:8])
    return avc_picture(record[8 : 8 + length])


def _pixel_aspect(
    data: bytes, track: MovieTrack, boxes: dict[bytes, BoxSpan], shown: AvcPicture
) -> tuple[int, int]:
    """Take the container's word before the codec's, as FFmpeg does."""
    if pasp := boxes.get(b"pasp"):
        body = _content(data, pasp)
        across, down = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        _expect(across > 0 and down > 0)
        return sane_pixel_aspect(Fraction(across, down))
    width, height = track.size
    _expect((width >> 16, height >> 16) == (shown.width, shown.height))
    return sane_pixel_aspect(shown.aspect)


def _colour(boxes: dict[bytes, BoxSpan], shown: AvcPicture) -> tuple[int, int, int]:
    """Give what the codec says; a container that speaks where it is silent is FFmpeg's."""
    if shown.colour is None:
        _expect(b"colr" not in boxes)
        return UNSAID
    for number, known in zip(shown.colour, (PRIMARIES, TRANSFERS, MATRICES), strict=True):
        _expect(number in known)
    return shown.colour


def _check_size(picture: VideoTrackInfo, limits: Limits) -> None:
    width, height = picture.width, picture.height
    _expect(min(width, height) >= limits.smallest_side)
    _expect(max(width, height) <= limits.largest_side and width * height <= limits.largest_area)


def _sound(
    data: bytes, track: MovieTrack, stream: int, ordinal: int, *, default: bool
) -> AudioTrackInfo:
    (entry,) = track.entries
    _expect(entry.kind == b"mp4a")
    start, end = entry.span
    _expect(end - start > SOUND_ENTRY and data[start + 16 : start + 18] == b"\0\0")
    boxes = _entry_boxes(data, entry.span, SOUND_ENTRY, SOUND_BOXES)
    record = _specific(_content(data, boxes[b"esds"])[4:])
    configuration = aac_configuration(record)
    _expect(judge_audio("aac", record, "LC", configuration.core_rate) == COPIED)
    _expect(mp4a_codec_string(record) == "mp4a.40.2")
    _expect(configuration.core_rate >= LEAST_RATE)
    return AudioTrackInfo(
        index=stream,
        decision=COPIED.decision,
        reason=COPIED.reason,
        codec="aac",
        profile="LC",
        channels=configuration.channels,
        sample_rate=configuration.core_rate,
        layout="",
        language=track.language,
        ordinal=ordinal,
        default=default,
        label="",
        time_base=(1, track.timescale),
        track_id=track.track_id,
        record=record,
    )


def _specific(descriptors: bytes) -> bytes:
    """Find the decoder's own configuration of MPEG-4 sound (ISO/IEC 14496-1 §7.2.6)."""
    tag, stream = _descriptor(descriptors)
    _expect(tag == ES and len(stream) > 3 and stream[2] & 0xE0 == 0)
    tag, decoder = _descriptor(stream[3:])
    _expect(tag == DECODER_CONFIGURATION and decoder[:1] == bytes((MPEG4_AUDIO,)))
    tag, record = _descriptor(decoder[13:])
    _expect(tag == DECODER_SPECIFIC)
    return record


def _descriptor(data: bytes) -> tuple[int, bytes]:
    """Read a descriptor's tag and content; its length takes seven bits a byte (§8.3.3)."""
    length, at = 0, 1
    while True:
        length = length << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80 or at > 4:
            break
    _expect(at + length <= len(data))
    return data[0], data[at : at + length]


def _check_told(data: bytes, trak: BoxSpan) -> None:
    """Refuse a track that says more of itself than is read here: names, kinds, other languages."""
    boxes = {each.kind: each for each in _children(data, trak)}
    _expect(boxes.keys() <= TRACK_BOXES)
    inner = {each.kind: each for each in _children(data, boxes[b"mdia"])}
    _expect(inner.keys() <= MEDIA_BOXES)
    mdhd = _content(data, inner[b"mdhd"])
    packed = int.from_bytes(mdhd[32:34] if mdhd[0] else mdhd[20:22])
    _expect(packed >= ISO_LANGUAGES)


def _duration_ms(movie: Movie) -> int:
    """Read the header of a movie that as a whole is shown as its tracks are (`mvhd`, §8.2.2)."""
    data = movie.moov.data
    moov = BoxSpan(b"moov", "moov", 0, movie.moov.content, len(data))
    (mvhd,) = _all(data, moov, b"mvhd")
    body = _content(data, mvhd)
    at = 48 if body[0] else 36
    matrix = tuple(
        int.from_bytes(body[place : place + 4], signed=True) for place in range(at, at + 36, 4)
    )
    _expect(matrix == IDENTITY_MATRIX)
    length = int.from_bytes(body[24:32] if body[0] else body[16:20])
    return length * 1000 // movie.timescale


def _entry_boxes(
    data: bytes, span: tuple[int, int], head: int, allowed: frozenset[bytes]
) -> dict[bytes, BoxSpan]:
    start, end = span
    boxes = list(child_boxes(memoryview(data), "stsd", start + head, end))
    found = {each.kind: each for each in boxes}
    _expect(len(found) == len(boxes) and found.keys() <= allowed)
    return found


def _children(data: bytes, box: BoxSpan) -> Iterator[BoxSpan]:
    return child_boxes(memoryview(data), box.path, box.content, box.end)


def _all(data: bytes, box: BoxSpan, kind: bytes) -> Iterator[BoxSpan]:
    return (each for each in _children(data, box) if each.kind == kind)


def _content(data: bytes, box: BoxSpan) -> bytes:
    return data[box.content : box.end]


def _expect(usual: object) -> None:
    if not usual:
        raise AskFFmpegError
