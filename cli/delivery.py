"""`sluice origin`: the edge's serving, with the origin's segment pipeline in place of an upstream.

Neither service knows the other; this is where they meet.
"""

from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

import native
from core.http.audience import Audience
from edge.config import EdgeConfig
from edge.main import answers_logged, public_listeners, require_fill_key
from edge.metrics import EdgeMetrics
from edge.service import Sockets, serving
from origin.main import open_origin
from runtime.descriptors import raise_descriptor_limit
from runtime.listen import local_address
from runtime.settings.origin import OriginSettings

# Longer than an edge keeps an idle connection, so that the edge is the one who closes.
IDLE_TIMEOUT_S: Final = 90.0
# One object takes no more of the memory than this share, else a few would have all of it.
OBJECT_SHARE: Final = 4
# Whoever reaches an origin is an edge, and what it says of its viewers counts.
ANYBODY: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


async def run(
    settings: OriginSettings,
    *,
    ready: Callable[[str], None] | None = None,
    on_plane: bool = native.IMPL == "compiled",
) -> None:
    """Deliver until cancelled; `ready` is told the URL once requests are answered.

    Raises `AddressInUse`, `FillKeyMissing`, `DatabaseUnavailable`, `SchemaOutdated`.
    """
    require_fill_key(settings.listen, settings.fill_key)
    raise_descriptor_limit()
    metrics = EdgeMetrics(process="origin")
    with answers_logged(settings.access_log, metrics) as lines:
        sockets = Sockets(public_listeners(settings.listen, settings.threads), admin=None)
        async with (
            open_origin(settings, metrics.page) as origin,
            serving(
                configuration(settings),
                sockets,
                upstream=origin.pipeline,
                metrics=metrics,
                log=lines,
                on_plane=on_plane,
            ) as purge,
        ):
            if ready is not None:
                ready(local_address(sockets.public[0]).url())
            await origin.follow(purge)


def configuration(settings: OriginSettings) -> EdgeConfig:
    """What the settings mean to the serving."""
    return EdgeConfig(
        name=settings.name,
        audience=Audience.EDGES,
        memory_bytes=settings.memory_bytes,
        max_object_bytes=settings.memory_bytes // OBJECT_SHARE,
        idle_timeout_s=IDLE_TIMEOUT_S,
        drain_timeout_s=settings.drain_timeout_s,
        fill_key=settings.fill_key,
        trusted_proxies=ANYBODY,
    )
