"""Takes the text tracks out of a source and writes each as one file of WebVTT.

An MP4 file is read by its own tables, which know of the text what they know of the picture; every
other file, and an MP4 file whose tables contradict themselves, through FFmpeg's demuxer.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from core.text.cues import TextDocument
from core.text.track import TEXT_NAME, text_hash
from core.text.webvtt import write_webvtt
from native import MalformedMovie
from origin.packaging.demux import AnyPacket, open_source, packets, select
from origin.packaging.limits import Limits
from origin.packaging.movie_source import IrregularMovieError, open_movie
from origin.packaging.progress import Progress, Pulse
from origin.packaging.report import SourceReport, TextTrackInfo
from origin.packaging.text_file import PackagedText
from origin.packaging.text_reading import TextReader, webvtt_extras


@dataclass(frozen=True, slots=True)
class ReadText:
    """A track that was read, and its document."""

    track: TextTrackInfo
    content: TextDocument
    notes: tuple[str, ...]


def extract_text(
    path: Path, report: SourceReport, out: Path, progress: Progress, *, limits: Limits | None = None
) -> list[PackagedText]:
    """Write the report's text tracks into folders `t-{stream}` of `out`; empty ones are left out.

    Raises a `SourceFault` when the file cannot be read to its end.
    """
    read = read_text(path, report, progress, limits=limits)
    return [_write(each, out / f"t-{each.track.index}") for each in read]


def read_text(
    path: Path, report: SourceReport, progress: Progress, *, limits: Limits | None = None
) -> list[ReadText]:
    """Read the report's text tracks that show anything.

    Raises a `SourceFault` when the file cannot be read to its end.
    """
    if not report.text:
        return []
    pulse = Pulse(progress)
    readers: dict[int, TextReader] | None = None
    if report.is_movie:
        with contextlib.suppress(MalformedMovie, IrregularMovieError):  # FFmpeg may read them
            readers = _read_movie(path, report, pulse)
    if readers is None:
        readers = _read_packets(path, report, pulse, limits or Limits())
    progress.advance(1.0)
    read = []
    for track in report.text:
        reader = readers[track.index]
        content = reader.finish()
        if content.cues:
            read.append(ReadText(track, content, tuple(_notes(reader))))
    return read


def write_text(content: TextDocument, folder: Path) -> bytes:
    """Write a document into a fresh folder, durably; gives its bytes."""
    data = write_webvtt(content).encode()
    folder.mkdir(parents=True)
    with (folder / TEXT_NAME).open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    for each in (folder, folder.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return data


def _write(read: ReadText, folder: Path) -> PackagedText:
    data = write_text(read.content, folder)
    track = read.track
    return PackagedText(
        stream=track.index,
        directory=folder,
        build_hash=text_hash(data),
        size_bytes=len(data),
        cues=len(read.content.cues),
        end_ms=read.content.end_ms,
        language=track.language,
        label=track.label,
        default=track.default,
        roles=track.roles,
        notes=read.notes,
    )


def _read_movie(path: Path, report: SourceReport, pulse: Pulse) -> dict[int, TextReader]:
    readers = {track.index: TextReader(track) for track in report.text}
    with open_movie(path, report, text=True) as source:
        for stream, run, data in source.runs(list(readers)):
            track = source.tracks[stream]
            at = 0
            for size, time, duration in zip(
                run.sizes, run.decode_times, run.durations, strict=True
            ):
                sample = bytes(data[at : at + size])
                at += size
                window = track.window
                end = time + duration if window.end is None else min(time + duration, window.end)
                if time >= (end if window.end is not None else time + 1):
                    continue
                start_s = Fraction(time - window.start, track.timescale)
                readers[stream].feed(
                    start_s + window.delay - source.zero,
                    Fraction(end - time, track.timescale),
                    sample,
                )
            pulse.beat(run.offset / source.size_bytes)
    return readers


def _read_packets(
    path: Path, report: SourceReport, pulse: Pulse, limits: Limits
) -> dict[int, TextReader]:
    tracks = {track.index: track for track in report.text}
    readers = {index: TextReader(track) for index, track in tracks.items()}
    with open_source(path, limits) as container:
        for packet in packets(container, select(container, list(tracks))):
            track = tracks.get(packet.stream_index)
            if track is None or packet.pts is None:
                continue
            base = Fraction(*track.time_base)
            readers[track.index].feed(
                packet.pts * base - report.start,
                packet.duration * base if packet.duration else None,
                bytes(packet),
                *_extras(track, packet),
            )
            pulse.beat((packet.pos or 0) / report.size_bytes)
    return readers


def _extras(track: TextTrackInfo, packet: AnyPacket) -> tuple[str, str]:
    if track.codec != "webvtt":
        return "", ""
    settings = _side_data(packet, "webvtt_settings")
    return webvtt_extras(settings, _side_data(packet, "webvtt_identifier"))


def _side_data(packet: AnyPacket, kind: str) -> str:
    for data in packet.iter_sidedata():
        if data.data_type == kind:
            return bytes(data).decode("utf-8", "replace").rstrip("\0")
    return ""


def _notes(reader: TextReader) -> Sequence[str]:
    notes = []
    if reader.unreadable:
        notes.append(f"{reader.unreadable} of its samples cannot be read")
    if reader.is_full:
        notes.append("it has more text than a film can have; the rest is left out")
    return notes
