"""What one edge is told: its upstream, its audience, its budgets and its deadlines."""

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.cache.policies import CachePolicy
from core.cache.stored import Terms
from core.http.audience import Audience
from core.http.forwarding import Network
from core.http.media_token import NO_KEYS, KeyRing

# Until its end comes, such an object is in the memory of the fetch, beside the budget.
LARGEST_UNMEASURED_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """The configuration of an edge; bytes and seconds are in the names.

    `upstream` is a base URL without a trailing slash, empty where the upstream is no HTTP server;
    `upstream_ca_file` has the authorities that vouch for it instead of the machine's own. A
    connection to it is kept for at most `upstream_idle_timeout_s`. After `breaker_failures`
    failures in a row it is left alone for `breaker_open_s`; 0 failures is never. `memory_bytes` is
    the budget for what is stored, `max_object_bytes` the largest object that is; without it, one
    that fits is. `client_timeout_s` is how long a client may take to accept 64 KiB, or to send as
    much of a body, `idle_timeout_s` how long to send the head of its next request, the first one
    included.
    `header_timeout_s` is how long a head may take from its first byte on, `drain_timeout_s` how
    long answers may take to end when the edge stops. `cache_dir` is where slices are kept on disk,
    `disk_bytes` the budget there, and `disk_reserve_bytes` is left free for others; without a
    folder there is memory alone. `disk_timeout_s` is how long a read may take.
    `max_connections_per_client` counts those from one address; 0 is no limit. `negative_ttl_s` is
    how long a 404 or 410 is fresh that does not say it. With `pass_host` the upstream is told the
    Host that the client asked for.
    """

    upstream: str = ""
    name: str = "edge"
    audience: Audience = Audience.VIEWERS
    memory_bytes: int = 512 * 2**20
    cache_policy: CachePolicy = CachePolicy.S3_FIFO
    max_object_bytes: int | None = None
    upstream_ca_file: str | None = None
    upstream_idle_timeout_s: float = 60.0
    cache_dir: Path | None = None
    disk_bytes: int = 10 * 2**30
    disk_reserve_bytes: int = 2**30
    disk_timeout_s: float = 2.0
    max_upstream_connections: int = 256
    breaker_failures: int = 5
    breaker_open_s: float = 5.0
    connect_timeout_s: float = 3.0
    first_byte_timeout_s: float = 15.0
    stall_timeout_s: float = 15.0
    client_timeout_s: float = 60.0
    idle_timeout_s: float = 75.0
    header_timeout_s: float = 15.0
    drain_timeout_s: float = 5.0
    max_connections: int = 50_000
    max_connections_per_client: int = 0
    negative_ttl_s: float = 0.0
    pass_host: bool = False
    fill_key: str | None = None
    admin_token: str | None = None
    redis_url: str | None = None
    media_keys: KeyRing = NO_KEYS
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def terms(self) -> Terms:
        """How heads of the upstream's answers are taken in."""
        return Terms(self.audience is Audience.EDGES, self.negative_ttl_s)

    @property
    def largest_part_bytes(self) -> int:
        """The largest object of which slices are stored when ranges of it are asked for."""
        return 2**62 if self.max_object_bytes is None else self.max_object_bytes

    @property
    def largest_whole_bytes(self) -> int:
        """The largest object that is stored when the whole is asked for."""
        disk_bytes = 0 if self.cache_dir is None else self.disk_bytes
        return min(self.largest_part_bytes, max(self.memory_bytes, disk_bytes))

    @property
    def largest_unmeasured_bytes(self) -> int:
        """The largest object that is stored although its length is known only at its end."""
        return min(self.largest_whole_bytes, LARGEST_UNMEASURED_BYTES)

    def is_fill_key(self, shown: str | None) -> bool:
        """Whether a request that shows this comes from an edge below us."""
        if self.fill_key is None or shown is None:
            return False
        given = shown.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self.fill_key.encode())
