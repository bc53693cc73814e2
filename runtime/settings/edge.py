"""Settings of the edge cache."""

import socket
from typing import ClassVar

from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.quantities import Address, Bytes, Networks, Seconds, Text, Url
from runtime.settings.shared import (
    AdminSettings,
    CommonSettings,
    FillSettings,
    MediaKeySettings,
)


class EdgeSettings(MediaKeySettings, FillSettings, AdminSettings, CommonSettings):
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
    name: Text = setting(
        None,
        "The name of this node in Cache-Status and in metrics.",
        default_factory=socket.gethostname,
        default_says="the machine's name",
    )
    memory_bytes: Bytes = setting(
        512 * 2**20, "How much memory the cache fills with bodies.", ge=2**20, le=16 * 2**40
    )
    max_object_bytes: Bytes = setting(
        64 * 2**20,
        "The largest object that is stored; larger ones stream through.",
        ge=2**16,
        le=2**40,
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
    client_timeout_s: Seconds = setting(
        60.0, "How long a client may take to accept 64 KiB before it is dropped.", ge=0.1, le=3600
    )
    idle_timeout_s: Seconds = setting(
        75.0,
        "How long a client may take to send the head of its next request, the first one included, "
        "before its connection is closed.",
        ge=1,
        le=3600,
    )
