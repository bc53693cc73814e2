"""What passes from one connection to the next (RFC 9110 §7.6), and what an edge adds or hides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from core.http.fields import Headers, combined, first, list_members, natural, without

Network = IPv4Network | IPv6Network

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
PRECONDITIONS: Final = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
)
RANGE_FIELDS: Final = frozenset({"range", "if-range"})
# What we write ourselves, and what an untrusted client could use to make the upstream see another
# host or another viewer than the one whose answer is then stored for all.
_OURS: Final = frozenset(
    {"host", "content-length", "expect", "forwarded", "via", "x-request-id", "sluice-fill-key"}
)
_OURS_PREFIX: Final = "x-forwarded-"
# What tells one viewer from another, and directives: they may not make anyone be asked more often.
_MEDIA_VIEWERS: Final = frozenset({"cache-control", "cookie", "origin", "pragma", "referer"})
_CMCD_PREFIX: Final = "cmcd-"
# Written anew for each answer, or for our eyes only.
_NOT_SENT_ON: Final = frozenset(
    {
        "age",
        "cache-status",
        "cdn-cache-control",
        "content-length",
        "sluice-origin-cache-control",
        "surrogate-control",
        "surrogate-key",
        "x-request-id",
    }
)
_NOT_SENT_TO_EDGES: Final = _NOT_SENT_ON - {"surrogate-key", "cdn-cache-control"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_MOST_HOPS: Final = 20
_MOST_FORWARDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Hop:
    """Who is asking, as far as we know it.

    `peer` is the address at the other end of the connection, `trusted` whether it is a proxy whose
    X-Forwarded fields count. `host` is whom it asks for, where the upstream is to know that.
    """

    peer: str
    scheme: str
    trusted: bool
    host: str | None = None


def end_to_end(headers: Headers) -> Headers:
    """The fields that are meant for more than one connection."""
    return without(headers, HOP_BY_HOP.union(list_members(headers, "connection")))


def is_trusted(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether the peer is one of the proxies in front of us."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in proxies)


def request_id(headers: Headers, hop: Hop, fresh: str) -> str:
    """The id that a trusted proxy gave the request, else the `fresh` one."""
    given = first(headers, "x-request-id")
    return given if given and hop.trusted and _REQUEST_ID.fullmatch(given) else fresh


def hidden(name: str, *, media: bool) -> bool:
    """Whether the upstream never sees the request field `name` (lower case) as the client sent it.

    Under `/media/` that is so, too, for what tells one viewer from another.
    """
    if name in _OURS or name.startswith(_OURS_PREFIX):
        return True
    return media and (name in _MEDIA_VIEWERS or name.startswith(_CMCD_PREFIX))


def forwarded_request(headers: Headers, hop: Hop, name: str, *, media: bool) -> Headers:
    """The fields of a request handed through as it is: our proxy fields replace what it had."""
    kept = (field for field in end_to_end(headers) if not hidden(field[0].lower(), media=media))
    return (*kept, *_proxy_fields(headers, hop, name))


def forwards_left(headers: Headers) -> int | None:
    """How often an OPTIONS may still be passed on (RFC 9110 §7.6.2); None where it does not say."""
    return natural(first(headers, "max-forwards") or "", _MOST_FORWARDS)


def fill_request(headers: Headers, hop: Hop, name: str, *, media: bool) -> Headers:
    """The fields of a fetch whose answer may be stored: it is asked whole and without conditions.

    Cache directives go with it outside `/media/`, as RFC 9111 §5.2 asks of every proxy.
    """
    dropped = PRECONDITIONS | RANGE_FIELDS
    return without(forwarded_request(headers, hop, name, media=media), dropped)


def _proxy_fields(headers: Headers, hop: Hop, name: str) -> Headers:
    before = (combined(headers, "x-forwarded-for") or "") if hop.trusted else ""
    hops = [part for written in before.split(",") if (part := written.strip(" \t"))]
    scheme = (first(headers, "x-forwarded-proto") if hop.trusted else None) or hop.scheme
    via = combined(headers, "via")
    return (
        *(() if hop.host is None else (("Host", hop.host),)),
        ("X-Forwarded-For", ", ".join([*hops[-_MOST_HOPS:], hop.peer])),
        ("X-Forwarded-Proto", scheme),
        ("Via", f"{via}, 1.1 {name}" if via else f"1.1 {name}"),
    )


def forwarded_response(headers: Headers, *, media: bool, tagged: bool = False) -> Headers:
    """The upstream's fields that a client gets to see; under `/media/` CORS is ours alone.

    `tagged`: the client is an edge, and gets what is for edges as well: the surrogate keys, and
    CDN-Cache-Control, which speaks to it as it does to us (RFC 9213 §3.1).
    """
    kept_back = _NOT_SENT_TO_EDGES if tagged else _NOT_SENT_ON
    return tuple(
        field
        for field in end_to_end(headers)
        if field[0].lower() not in kept_back and not (media and _is_cors(field[0].lower()))
    )


def _is_cors(name: str) -> bool:
    return name.startswith("access-control-") or name == "timing-allow-origin"


def surrogate_keys(headers: Headers) -> frozenset[str]:
    """The tags that a response can be purged by: the words of Surrogate-Key."""
    return frozenset((combined(headers, "surrogate-key") or "").replace(",", " ").split())


# Fields that describe the stored bytes and stay theirs when a 304 refreshes the rest (RFC 9111
# §3.2).
_OF_THE_BYTES: Final = frozenset(
    {"content-encoding", "content-type", "content-range", "content-length"}
)


def refreshed(stored: Headers, validation: Headers) -> Headers:
    """The stored fields as a 304 updates them: a field it has replaces the stored one."""
    news = without(end_to_end(validation), _OF_THE_BYTES)
    return (*without(stored, {name.lower() for name, _ in news}), *news)
