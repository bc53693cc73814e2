"""The body of a request (RFC 9112 §6-7), read strictly: the definition in plain Python.

Chunk extensions and trailers are read over. What the RFC lets nobody send is refused at the first
byte that is wrong, not at the end of its line: bare CR and LF, controls, a size that is none.
"""

import re
from typing import Final

SIZE_DIGITS: Final = 15
LONGEST_EXTENSION: Final = 4096
LONGEST_TRAILER: Final = 8192

_VALUE = rb"[\t -~\x80-\xff]"
_SIZE_LINE = re.compile(
    rb"(?P<size>[0-9A-Fa-f]{1,%d})(?P<extension>[\t ]*;%b*)?\r\n" % (SIZE_DIGITS, _VALUE)
)
_SIZE_BEGUN = re.compile(
    rb"(?:[0-9A-Fa-f]{0,%(digits)d}|[0-9A-Fa-f]{1,%(digits)d}"
    rb"(?:\r|(?P<extension>[\t ]*;%(value)b*(?P<end>\r)?|[\t ]+)))"
    % {b"digits": SIZE_DIGITS, b"value": _VALUE}
)
_TRAILER = re.compile(rb"(?:%b+\r\n)*\r\n" % _VALUE)
_TRAILER_BEGUN = re.compile(rb"(?:%(value)b+\r\n)*(?:\r|%(value)b+\r?)?" % {b"value": _VALUE})

Decoded = tuple[bytes, int, bool | None]


def decode_body(data: bytes, length: int | None) -> Decoded:
    """Read the body that `data` begins with: of `length` bytes or, with None, in chunked coding.

    Give the body as far as it has come, how many bytes it takes so far, and True where it is whole,
    False where it goes on, None where it is broken; how many bytes a broken one takes means nothing
    and is 0.
    """
    if length is not None:
        body = data[:length]
        return body, len(body), len(body) == length
    body, at = b"", 0
    while True:
        line = _SIZE_LINE.match(data, at)
        if line is None or len(line["extension"] or b"") > LONGEST_EXTENSION:
            return _unfinished(body, data, at)
        at, size = line.end(), int(line["size"], 16)
        if size == 0:
            return _trailer(body, data, at)
        body += data[at : at + size]
        at += size
        if data[at : at + 2] != b"\r\n":
            begun = data[at:] in {b"", b"\r"}
            return (body, len(data), False) if begun else (body, 0, None)
        at += 2


def _unfinished(body: bytes, data: bytes, at: int) -> Decoded:
    begun = _SIZE_BEGUN.fullmatch(data, at)
    if begun is None:
        return body, 0, None
    extension = len((begun["extension"] or b"").removesuffix(b"\r"))
    return (body, len(data), False) if extension <= LONGEST_EXTENSION else (body, 0, None)


def _trailer(body: bytes, data: bytes, at: int) -> Decoded:
    whole = _TRAILER.match(data, at)
    if whole is not None:
        fits = whole.end() - at <= LONGEST_TRAILER
        return (body, whole.end(), True) if fits else (body, 0, None)
    fits = len(data) - at <= LONGEST_TRAILER
    begun = fits and _TRAILER_BEGUN.fullmatch(data, at)
    return (body, len(data), False) if begun else (body, 0, None)
