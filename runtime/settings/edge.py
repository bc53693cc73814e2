"""Settings of the edge cache."""

import os
import socket
from typing import ClassVar

from core.cache.policies import CachePolicy
from core.http.audience import Audience
from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.quantities import (
    Address,
    Bytes,
    Count,
    File,
    Folder,
    Networks,
    Output,
    Seconds,
    Text,
    Url,
)
from runtime.settings.shared import (
    AdminSettings,
    CommonSettings,
    FillSettings,
    MediaKeySettings,
    RedisSettings,
)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


class EdgeSettings(MediaKeySettings, FillSettings, AdminSettings, RedisSettings, CommonSettings):
    """`sluice edge`."""

    section: ClassVar[str] = "edge"
    title: ClassVar[str] = "sluice edge"

    upstream: Url = setting(
        ..., "The origin, or the edge of the tier above, that misses are fetched from."
    )
    listen: Address = setting(HostPort("127.0.0.1", 8081), "The address that viewers reach.")
    admin_listen: Address = setting(
        HostPort("127.0.0.1", 8083), "The address of metrics, health and purging; not for viewers."
    )
    audience: Audience = setting(
        Audience.VIEWERS,
        "Who asks: viewers, or edges of the tier below, which have looked at the tokens. Edges are "
        "told the surrogate keys, so that they can purge by them, and beyond loopback they need "
        "the fill key for everything under `/media/`.",
    )
    name: Text = setting(
        None,
        "The name of this node in Cache-Status and in metrics.",
        default_factory=socket.gethostname,
        default_says="the machine's name",
    )
    memory_bytes: Bytes = setting(
        512 * 2**20, "How much memory the cache fills with bodies.", ge=2**20, le=16 * 2**40
    )
    cache_dir: Folder | None = setting(
        None,
        "The folder where the cache keeps bodies on disk, so that it is warm after a restart; one "
        "for each edge. `up` puts it into its data folder.",
        default_says="memory alone",
    )
    disk_bytes: Bytes = setting(
        10 * 2**30,
        "How much of the disk the cache fills in `cache_dir`; a gigabyte is always left free.",
        ge=2**20,
        le=2**50,
    )
    cache_policy: CachePolicy = setting(
        CachePolicy.S3_FIFO,
        "What stays when there is no room for everything: what is asked for again and again, "
        "whatever passes by once (s3-fifo), or what was asked for last (lru).",
    )
    max_object_bytes: Bytes | None = setting(
        None,
        "The largest object that is stored; larger ones stream through. Without it, one that fits "
        "into the cache is, and of larger ones the slices that ranges are asked for.",
        ge=2**16,
        le=2**40,
    )
    negative_ttl_s: Seconds = setting(
        0.0,
        "How long a 404 or 410 is kept whose answer says nothing of it; 0 is not at all.",
        ge=0,
        le=3600,
    )
    trusted_proxy: Networks = setting(
        (), "The proxies whose X-Forwarded-For, -Proto and X-Request-Id headers are believed."
    )
    connect_timeout_s: Seconds = setting(
        3.0, "How long the upstream may take to accept a connection.", ge=0.05, le=60
    )
    first_byte_timeout_s: Seconds = setting(
        15.0, "How long the upstream may take to begin its answer.", ge=0.05, le=300
    )
    stall_timeout_s: Seconds = setting(
        15.0, "How long an answer of the upstream may pause once it has begun.", ge=0.05, le=300
    )
    pass_host: bool = setting(
        False,
        "Tell the upstream the Host that the client asked for, and store its answers for each Host "
        "apart; else it is asked under its own name.",
    )
    upstream_ca: File | None = setting(
        None,
        "Certificates of the authorities that vouch for an https:// upstream, in place of those "
        "that the machine believes.",
    )
    upstream_idle_timeout_s: Seconds = setting(
        60.0,
        "How long a connection to the upstream is kept for the next request; shorter where the "
        "upstream says so.",
        ge=0,
        le=3600,
    )
    max_upstream_connections: Count = setting(
        256, "How many connections to the upstream there may be.", ge=1, le=100_000
    )
    breaker_failures: Count = setting(
        5,
        "How many fetches in a row may fail, with no connection, no answer in time or no HTTP, "
        "before the upstream is left alone for a while; 0 is any number.",
        ge=0,
        le=1_000_000,
    )
    breaker_open_s: Seconds = setting(
        5.0, "How long the upstream is then left alone before one fetch tries it.", ge=0.1, le=3600
    )
    client_timeout_s: Seconds = setting(
        60.0,
        "How long a client may take to accept 64 KiB, or to send 64 KiB of a request's body, "
        "before it is dropped.",
        ge=0.1,
        le=3600,
    )
    idle_timeout_s: Seconds = setting(
        75.0,
        "How long a client may take to send the head of its next request, the first one included, "
        "before its connection is closed.",
        ge=1,
        le=3600,
    )
    header_timeout_s: Seconds = setting(
        15.0, "How long the head of a request may take from its first byte on.", ge=0.1, le=3600
    )
    drain_timeout_s: Seconds = setting(
        30.0, "How long answers may take to end when the edge stops.", ge=0, le=3600
    )
    max_connections: Count = setting(
        50_000, "How many connections clients may have in all.", ge=1, le=10_000_000
    )
    max_connections_per_client: Count = setting(
        0,
        "How many connections one client may have, which is one IPv4 address or one /64 network of "
        "IPv6; 0 is any number. Trusted proxies may have any number.",
        ge=0,
        le=10_000_000,
    )
    access_log: Output | None = setting(
        None,
        "Where a line of JSON is written for each answer, opened anew on SIGHUP; - is standard "
        "output. Without it there is no access log.",
    )
    threads: Count = setting(
        None,
        "How many threads serve viewers.",
        default_factory=processors,
        default_says="one for each processor",
        ge=1,
        le=1024,
    )
