"""One text track on its way to WebVTT: samples of any format in, a document out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from core.text.ass import packet_payload, read_script
from core.text.cues import LATEST_MS, MOST_CUES, Cue, TextDocument, check_cue, document, joined
from core.text.faults import MalformedText
from core.text.srt import srt_payload
from core.text.tx3g import Tx3gEntry, read_entry, tx3g_payload
from core.text.webvtt import block_payload, cue_settings
from core.text.wvtt import one_line, wvtt_cues
from origin.packaging.report import TextTrackInfo

OPEN_END_MS: Final = 5000
"""How long a cue is shown that nothing ends, where none follows."""
MOST_CHARACTERS: Final = 16 * 2**20

Shown = Iterator[tuple[str, str, str]]
"""Payload, settings and identifier of the cues of one sample."""


class TextReader:
    """Takes the samples of one track, in the order of the file.

    A sample that cannot be read is left out and counted: one bad line must not cost all others.
    """

    def __init__(self, track: TextTrackInfo) -> None:
        self._read = _reader(track)
        self._joins = track.codec in {"ass", "wvtt"}
        self._cues: list[Cue] = []
        self._characters = 0
        self.unreadable = 0
        self.is_full = False

    def feed(
        self,
        start_s: Fraction,
        duration_s: Fraction | None,
        sample: bytes,
        settings: str = "",
        identifier: str = "",
    ) -> None:
        """Take a sample, its time counted from the presentation's zero; None: until the next."""
        if self.is_full:
            return
        start_ms = _milliseconds(start_s)
        end_ms = -1 if duration_s is None else _milliseconds(start_s + duration_s)
        try:
            for text, own_settings, own_name in self._read(sample):
                check_cue(0, start_ms, max(end_ms, start_ms), text)
                name = identifier or own_name
                if not self._add(Cue(start_ms, end_ms, text, settings or own_settings, name)):
                    return
        except MalformedText:
            self.unreadable += 1

    def finish(self) -> TextDocument:
        """Give the document; it may be empty."""
        self._cues.sort(key=lambda cue: cue.start_ms)
        ended = list(self._ended())[::-1]
        return document(joined(ended) if self._joins else ended)

    def _add(self, cue: Cue) -> bool:
        """Keep a cue, and say whether there is room for another."""
        self._cues.append(cue)
        self._characters += len(cue.text)
        self.is_full = len(self._cues) >= MOST_CUES or self._characters > MOST_CHARACTERS
        return not self.is_full

    def _ended(self) -> Iterator[Cue]:
        """Give the cues from the last to the first; one without an end ends with the next one."""
        here: int | None = None
        following: int | None = None
        for cue in reversed(self._cues):
            if here is not None and cue.start_ms < here:
                following = here
            here = cue.start_ms
            if cue.end_ms < 0:
                end_ms = min(
                    LATEST_MS if following is None else following, cue.start_ms + OPEN_END_MS
                )
                yield replace(cue, end_ms=end_ms)
            else:
                yield cue


def webvtt_extras(settings: str, identifier: str) -> tuple[str, str]:
    """Give what stands beside a block of WebVTT in Matroska, as far as it is fit for a file."""
    return cue_settings(settings.split()), one_line(identifier.strip())


def _reader(track: TextTrackInfo) -> Callable[[bytes], Shown]:
    match track.codec:
        case "mov_text":
            entry = read_entry(track.record)
            return lambda sample: _tx3g(entry, sample)
        case "wvtt":
            return lambda sample: iter(wvtt_cues(sample))
        case "ass":
            script = read_script(_decoded(track.record))
            return lambda sample: _two(*packet_payload(script, _decoded(sample)))
        case "webvtt":
            return lambda sample: _two(block_payload(_decoded(sample)), "")
        case _:
            return lambda sample: _two(*srt_payload(_decoded(sample)))


def _tx3g(entry: Tx3gEntry, sample: bytes) -> Shown:
    return _two(tx3g_payload(entry, sample), entry.settings)


def _two(payload: str, settings: str) -> Shown:
    yield payload, settings, ""


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\0")


def _milliseconds(seconds: Fraction) -> int:
    return int((seconds * 1000 + Fraction(1, 2)) // 1)
