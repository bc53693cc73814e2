"""How the visitor reached us: the scheme and host that URLs in an answer must have."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.faults import MalformedHost

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::\d{1,5})?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """The origin as the visitor's browser calls it."""

    scheme: str
    authority: str

    @property
    def hostname(self) -> str:
        """The host without its port; an IPv6 address keeps its brackets."""
        found = _AUTHORITY.fullmatch(self.authority)
        assert found is not None, "checked when it was made"
        return found["host"]

    @property
    def origin(self) -> str:
        """Scheme and authority, as the Origin field has them."""
        return f"{self.scheme}://{self.authority}"


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from CIDR texts that the settings have checked."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def visitor(
    *, peer: str | None, scheme: str, headers: Mapping[str, str], trusted: Sequence[Network]
) -> Visitor:
    """The visitor behind a request from address `peer`.

    X-Forwarded-Proto and -Host count only from a trusted peer, and of a list only the last value,
    which that peer itself wrote. Raises `MalformedHost`.
    """
    authority = headers.get("Host", "")
    if _is_trusted(peer, trusted):
        authority = _last(headers.get("X-Forwarded-Host")) or authority
        forwarded_scheme = (_last(headers.get("X-Forwarded-Proto")) or "").lower()
        scheme = forwarded_scheme if forwarded_scheme in {"http", "https"} else scheme
    if not _AUTHORITY.fullmatch(authority):
        raise MalformedHost(f"Host: {authority!r} names no host")
    return Visitor(scheme, authority.lower())


def _is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    if not trusted or not peer:
        return False
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in trusted)


def _last(field: str | None) -> str | None:
    return field.rpartition(",")[2].strip() if field else None
