"""One line of an access log: an answered request as JSON (RFC 8259), without its token.

`native/_lines.pxd` writes the same lines for what the data plane's threads answer.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

# How many bytes of each text are kept.
MOST_BYTES: Final = {
    "method": 32,
    "path": 512,
    "range": 64,
    "user_agent": 160,
    "referer": 160,
    "forwarded_for": 64,
    "request_id": 64,
}
SHORTENED: Final = "\N{HORIZONTAL ELLIPSIS}"
# A path segment that is long enough to be a token, or that was cut before it could be.
_TOKEN: Final = re.compile(r"(?<=/)(?:~|%7[Ee])(?:[^/?#]{43,}|[^/?#]*\Z(?P<cut>))")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRecord:
    """What is said of one answer; texts as they came, undecodable bytes as surrogates.

    `sent_bytes` were handed to the kernel, head included; `aborted_bytes` are what the client
    should have had beside them. A text that is empty is left out.
    """

    time_s: float
    client: str
    status: int
    sent_bytes: int
    aborted_bytes: int
    duration_us: int
    result: str
    reused: bool
    method: str = ""
    path: str = ""
    range: str = ""
    user_agent: str = ""
    referer: str = ""
    forwarded_for: str = ""
    request_id: str = ""


def access_line(record: AccessRecord) -> bytes:
    """The record as a line of ASCII, its end included."""
    line: dict[str, object] = {
        "time": _time(record.time_s),
        "client": record.client,
        "forwarded_for": _text("forwarded_for", record.forwarded_for),
        "method": _text("method", record.method),
        "path": _masked("path", record.path),
        "status": record.status,
        "sent_bytes": record.sent_bytes,
        "aborted_bytes": record.aborted_bytes,
        "duration_us": record.duration_us,
        "result": record.result,
        "range": _text("range", record.range),
        "user_agent": _text("user_agent", record.user_agent),
        "referer": _masked("referer", record.referer),
        "request_id": _text("request_id", record.request_id),
        "reused": record.reused,
    }
    kept = {name: value for name, value in line.items() if value != ""}
    return json.dumps(kept, separators=(",", ":")).encode("ascii") + b"\n"


def _time(time_s: float) -> str:
    """RFC 3339, to the millisecond."""
    at_ms = int(time_s * 1000)
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"


def _text(name: str, text: str) -> str:
    """What is kept of a text, a character for each byte (RFC 9110 §5.5), and a mark where cut."""
    raw = text.encode("utf-8", "surrogateescape")
    most = MOST_BYTES[name]
    return raw[:most].decode("latin-1") + (SHORTENED if len(raw) > most else "")


def _masked(name: str, text: str) -> str:
    kept = _text(name, text)
    cut = kept.endswith(SHORTENED)
    body = kept.removesuffix(SHORTENED) if cut else kept

    def mask(found: re.Match[str]) -> str:
        is_short = found["cut"] is not None
        return found[0] if is_short and not cut else "~***"

    return _TOKEN.sub(mask, body) + (SHORTENED if cut else "")
