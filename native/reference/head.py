"""The head of an HTTP/1.x request, read strictly (RFC 9112 §2-6): the definition in plain Python.

Two programs that read one head differently can be made to see different requests in one stream, so
whatever the RFC lets a server refuse here is refused.
"""

import re
from typing import Final

from native.values import RequestHead

LONGEST_HEAD: Final = 32768
LONGEST_METHOD: Final = 32
LONGEST_TARGET: Final = 8192
LONGEST_LINE: Final = 8240
MOST_FIELDS: Final = 100
LENGTH_DIGITS: Final = 18

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) (.*)", re.DOTALL)
_METHOD = re.compile(_TOKEN + rb" ")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([\t -~\x80-\xff]*)")
_NAME = re.compile(_TOKEN + rb":")
_DIGITS = re.compile(rb"[0-9]+")
_HOST = re.compile(rb"[^\x00-\x20\x7f-\xff\"<>\\#,/?@]*")

Field = tuple[bytes, bytes]


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def scan_head(data: bytes) -> RequestHead | int | None:
    """Read the head of the request that `data` begins with (RFC 9112 §2-6).

    Give a `RequestHead`; None when its end has not come; or the status to refuse it with.
    """
    try:
        return _scan(data)
    except _Refused as refused:
        return refused.status


def _scan(data: bytes) -> RequestHead | None:
    # RFC 9112 §2.2: an empty line before the request is to be overlooked.
    at = 2 if data.startswith(b"\r\n") else 0
    line, after = _line(data, at, first=True)
    if line is None:
        return None
    method, target, minor = _request_line(line)
    fields: list[Field] = []
    while True:
        line, after = _line(data, after, first=False)
        if line is None:
            return None
        if not line:
            break
        fields.append(_field(line, len(fields)))
    return _judged(after, method, target, minor, tuple(fields))


def _line(data: bytes, at: int, *, first: bool) -> tuple[bytes | None, int]:
    """The next line and where the one after it begins; None when it has not ended."""
    limit = min(len(data), LONGEST_HEAD)
    end = data.find(b"\r", at, limit)
    if end >= 0 and end + 1 < limit:
        if data[end + 1 : end + 2] != b"\n":
            raise _Refused(400)
        return data[at:end], end + 2
    if limit == LONGEST_HEAD or (first and limit - at > LONGEST_LINE):
        raise _Refused(414 if first else 431)
    if b"\n" in data[at:limit]:
        raise _Refused(400)
    return None, at


def _request_line(line: bytes) -> tuple[bytes, bytes, int]:
    method = _METHOD.match(line)
    if method is None:
        raise _Refused(400)
    if len(method[0]) - 1 > LONGEST_METHOD:
        raise _Refused(501)
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        raise _Refused(400)
    if len(parts[2]) > LONGEST_TARGET:
        raise _Refused(414)
    version = _VERSION.fullmatch(parts[3])
    if version is None:
        raise _Refused(400)
    if version[1] != b"1" or version[2] not in {b"0", b"1"}:
        raise _Refused(505)
    return parts[1], parts[2], int(version[2])


def _field(line: bytes, before: int) -> Field:
    """Read one field line; a folded line begins with a blank, which no name does."""
    if not _NAME.match(line):
        raise _Refused(400)
    if before == MOST_FIELDS:
        raise _Refused(431)
    field = _FIELD.fullmatch(line)
    if field is None:
        raise _Refused(400)
    return field[1], field[2].strip(b" \t")


def _judged(
    length: int, method: bytes, target: bytes, minor: int, fields: tuple[Field, ...]
) -> RequestHead:
    _check_host(_values(fields, b"host"), minor)
    chunked, content_length = _framing(fields, minor)
    options = {
        option.strip(b" \t").lower()
        for value in _values(fields, b"connection")
        for option in value.split(b",")
    }
    keep_alive = b"close" not in options and (minor == 1 or b"keep-alive" in options)
    return RequestHead(length, method, target, minor, fields, keep_alive, chunked, content_length)


def _check_host(hosts: list[bytes], minor: int) -> None:
    """Exactly one Host in HTTP/1.1 (RFC 9112 §3.2), made of what an authority is made of."""
    if len(hosts) > 1 or (minor == 1 and not hosts):
        raise _Refused(400)
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise _Refused(400)


def _framing(fields: tuple[Field, ...], minor: int) -> tuple[bool, int | None]:
    """Find where the body ends (§6.3); whatever could be read in two ways is refused."""
    lengths = _values(fields, b"content-length")
    codings = _values(fields, b"transfer-encoding")
    if len(lengths) > 1 or len(codings) > 1:
        raise _Refused(400)
    if codings:
        if lengths or minor == 0:
            raise _Refused(400)
        if codings[0].lower() != b"chunked":
            raise _Refused(501)
    if not lengths:
        return bool(codings), None
    if not _DIGITS.fullmatch(lengths[0]):
        raise _Refused(400)
    if len(lengths[0]) > LENGTH_DIGITS:
        raise _Refused(413)
    return False, int(lengths[0])


def _values(fields: tuple[Field, ...], name: bytes) -> list[bytes]:
    return [value for key, value in fields if key.lower() == name]
