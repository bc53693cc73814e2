"""The head of an HTTP/1.x response, and how its body is framed (RFC 9112 §4-6).

Whatever two programs could read differently is refused, as a body that ends elsewhere than its
sender meant would be taken for another answer. What is harmless is let pass: a line that ends in a
bare line feed (§2.2), and blanks before a colon, which a proxy removes (§5.1).
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from core.errors import UpstreamFault
from core.http.fields import Headers, list_members, natural, values

LONGEST_HEAD: Final = 64 * 1024
MOST_FIELDS: Final = 256
LONGEST_BODY_BYTES: Final = 10**18 - 1
BODILESS: Final = frozenset({204, 304})

_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([\t -~\x80-\xff]*)")


class MalformedResponse(UpstreamFault):
    """What the upstream sent is no HTTP/1.x response, or one that could be read in two ways."""

    code: ClassVar[str] = "upstream.malformed"


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A status and fields; `minor` is the version behind `HTTP/1.`."""

    status: int
    minor: int
    fields: Headers

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may be used again (RFC 9112 §9.3)."""
        options = list_members(self.fields, "connection")
        if "close" in options:
            return False
        return self.minor == 1 or "keep-alive" in options


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a body ends: after `length` bytes, after the last chunk, or with the connection."""

    length: int | None = None
    chunked: bool = False

    @property
    def marked(self) -> bool:
        """Whether its end is marked; a body without a marked end may have been cut short."""
        return self.chunked or self.length is not None


def head_end(buffer: bytes | bytearray, searched: int = 0) -> int | None:
    """Where the head that `buffer` begins with ends; None when its end has not come.

    In the first `searched` bytes it was looked for before. Raises `MalformedResponse` when the head
    is longer than any may be.
    """
    end = _END.search(buffer, max(0, searched - 3), LONGEST_HEAD)
    if end is not None:
        return end.end()
    if len(buffer) >= LONGEST_HEAD:
        raise MalformedResponse(f"the upstream's head is longer than {LONGEST_HEAD} bytes")
    return None


def read_response_head(raw: bytes) -> ResponseHead:
    """Read a whole head, its empty line included. Raises `MalformedResponse`."""
    first, *lines = _LINE_END.split(raw.rstrip(b"\r\n"))
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise MalformedResponse(f"the upstream's answer begins with {first[:60]!r}")
    if len(lines) > MOST_FIELDS:
        raise MalformedResponse(f"the upstream's head has more than {MOST_FIELDS} fields")
    return ResponseHead(int(status[2]), int(status[1]), tuple(map(_field, lines)))


def _field(line: bytes) -> tuple[str, str]:
    """One field line; a folded line begins with a blank, which no name does (§5.2)."""
    field = _FIELD.fullmatch(line)
    if field is None:
        raise MalformedResponse(f"the upstream's head has the line {line[:60]!r}")
    return field[1].decode("ascii"), field[2].strip(b" \t").decode("utf-8", "surrogateescape")


def body_framing(method: str, head: ResponseHead) -> Framing:
    """How the body behind a final head is framed (RFC 9112 §6.3). Raises `MalformedResponse`.

    An answer that has no body whatever its fields say has a body of 0 bytes.
    """
    codings = list_members(head.fields, "transfer-encoding")
    length = _content_length(head.fields)
    if codings and (codings != ["chunked"] or length is not None or head.minor == 0):
        raise MalformedResponse(
            f"the upstream frames a body in a way that is not known here: {', '.join(codings)[:60]}"
        )
    if method == "HEAD" or head.status in BODILESS:
        return Framing(0)
    return Framing(length, chunked=bool(codings))


def _content_length(fields: Headers) -> int | None:
    """The length that Content-Length gives; one said twice alike counts once (RFC 9110 §8.6)."""
    written = {
        part.strip(" \t") for value in values(fields, "content-length") for part in value.split(",")
    }
    if not written:
        return None
    length = natural(written.pop(), LONGEST_BODY_BYTES)
    if written or length is None:
        raise MalformedResponse("the upstream gives the length of a body in more than one way")
    return length
