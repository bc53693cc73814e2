"""Settings of the edge cache."""

import socket
from typing import ClassVar

from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.quantities import Address, Bytes, Seconds, Text, Url
from runtime.settings.shared import CommonSettings, FillSettings


class EdgeSettings(FillSettings, CommonSettings):
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
    connect_timeout_s: Seconds = setting(
        3.0, "How long the upstream may take to accept a connection.", ge=0.05, le=60
    )
    first_byte_timeout_s: Seconds = setting(
        15.0, "How long the upstream may take to begin its answer.", ge=0.05, le=300
    )
    stall_timeout_s: Seconds = setting(
        15.0, "How long an answer of the upstream may pause once it has begun.", ge=0.05, le=300
    )
