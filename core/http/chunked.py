"""The chunked transfer coding (RFC 9112 §7.1), taken off as it arrives.

Extensions of chunks and the trailer are dropped: nothing here knows what they mean (§7.1.1, and RFC
9110 §6.5.1 for the trailer).
"""

import re
from enum import Enum
from typing import Final

from core.http.response_head import MalformedResponse

LONGEST_LINE: Final = 4096
LONGEST_TRAILER: Final = 32 * 1024

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class _Expected(Enum):
    SIZE = "the size of a chunk"
    DATA = "the bytes of a chunk"
    DATA_END = "the end of a chunk"
    TRAILER = "a line of the trailer"


class ChunkedBody:
    """One body; `ended` once all of it has come, and `rest` is then what came behind it."""

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._expected = _Expected.SIZE
        self._left = 0
        self._line = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take some of the coded bytes; give those of the body. Raises `MalformedResponse`."""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.ended:
            if self._expected is _Expected.DATA:
                stop = min(len(data), at + self._left)
                pieces.append(data[at:stop])
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._expected = _Expected.DATA_END
            else:
                at = self._take_line(data, at)
        if self.ended:
            self.rest = data[at:]
        return pieces

    def _take_line(self, data: bytes, at: int) -> int:
        """Take bytes of a line from `at` on, and act on it when it is whole; give where it ends."""
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        if len(self._line) + stop - at > LONGEST_LINE:
            raise MalformedResponse("a line between the upstream's chunks is too long")
        self._line += data[at:stop]
        if end >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise MalformedResponse("a line between the upstream's chunks ends in a bare LF")
            self._act(line[:-2])
        return stop

    def _act(self, line: bytes) -> None:
        match self._expected:
            case _Expected.SIZE:
                self._begin_chunk(line)
            case _Expected.DATA_END if not line:
                self._expected = _Expected.SIZE
            case _Expected.TRAILER:
                self._trailer_bytes += len(line)
                self.ended = not line
                if self._trailer_bytes > LONGEST_TRAILER:
                    raise MalformedResponse("the upstream's trailer is too long")
            case _:
                raise MalformedResponse("a chunk of the upstream is longer than it says")

    def _begin_chunk(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            raise MalformedResponse(f"the upstream gives {line[:40]!r} as the size of a chunk")
        self._left = int(size[1], 16)
        self._expected = _Expected.DATA if self._left else _Expected.TRAILER
