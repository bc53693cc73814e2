"""`sluice edge`: the cache node as a process."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import native
from core.http.audience import Audience
from edge.access_log import AccessLog, access_log
from edge.config import EdgeConfig
from edge.faults import FillKeyMissing
from edge.metrics import EdgeMetrics
from edge.service import Sockets, serving
from runtime.descriptors import raise_descriptor_limit
from runtime.line_file import STANDARD_OUTPUT
from runtime.listen import HostPort, bind, local_address, share
from runtime.logs import get_logger
from runtime.settings.edge import EdgeSettings

log = get_logger(__name__)


async def run(settings: EdgeSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled; `ready` is called with the public URL once both ports answer."""
    if settings.audience is Audience.EDGES:
        require_fill_key(settings.listen, settings.fill_key)
    descriptors = raise_descriptor_limit()
    if settings.max_connections > descriptors:
        log.warning(
            "edge.descriptors", allowed=descriptors, max_connections=settings.max_connections
        )
    metrics = EdgeMetrics()
    with answers_logged(settings.access_log, metrics) as lines:
        sockets = Sockets(
            public_listeners(settings.listen, settings.threads), bind(settings.admin_listen)
        )
        async with serving(configuration(settings), sockets, metrics=metrics, log=lines):
            if ready is not None:
                ready(HostPort.url(local_address(sockets.public[0])))
            await asyncio.get_running_loop().create_future()


@contextmanager
def answers_logged(path: Path | None, metrics: EdgeMetrics) -> Iterator[AccessLog | None]:
    """The access log, opened anew on SIGHUP; None where none is wanted."""
    with access_log(path, metrics) as lines:
        if lines is not None and path != STANDARD_OUTPUT:
            # As for any daemon whose log is rotated; it does not stop the process then.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lines.reopen)
        yield lines


def require_fill_key(listen: HostPort, fill_key: str | None) -> None:
    """Raise `FillKeyMissing` where anybody could fetch what is meant for edges."""
    if fill_key is None and not listen.is_loopback:
        raise FillKeyMissing(
            f"edges would be served on {listen}, beyond this machine: set SLUICE_FILL_KEY here "
            "and on them"
        )


def public_listeners(listen: HostPort, threads: int) -> tuple[socket.socket, ...]:
    """A socket for each thread of the data plane, all on one address; without it, one socket."""
    if native.IMPL != "compiled":
        return (bind(listen),)
    first = bind(listen, reuse_port=True)
    address = HostPort(listen.host, local_address(first).port)
    return (first, *(share(address) for _ in range(threads - 1)))


def configuration(settings: EdgeSettings) -> EdgeConfig:
    """What the settings mean to an edge."""
    return EdgeConfig(
        upstream=settings.upstream,
        name=settings.name,
        audience=settings.audience,
        memory_bytes=settings.memory_bytes,
        cache_policy=settings.cache_policy,
        cache_dir=settings.cache_dir,
        disk_bytes=settings.disk_bytes,
        max_object_bytes=settings.max_object_bytes,
        connect_timeout_s=settings.connect_timeout_s,
        first_byte_timeout_s=settings.first_byte_timeout_s,
        stall_timeout_s=settings.stall_timeout_s,
        upstream_ca_file=None if settings.upstream_ca is None else str(settings.upstream_ca),
        upstream_idle_timeout_s=settings.upstream_idle_timeout_s,
        max_upstream_connections=settings.max_upstream_connections,
        breaker_failures=settings.breaker_failures,
        breaker_open_s=settings.breaker_open_s,
        client_timeout_s=settings.client_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
        header_timeout_s=settings.header_timeout_s,
        drain_timeout_s=settings.drain_timeout_s,
        max_connections=settings.max_connections,
        max_connections_per_client=settings.max_connections_per_client,
        pass_host=settings.pass_host,
        negative_ttl_s=settings.negative_ttl_s,
        fill_key=settings.fill_key,
        admin_token=settings.admin_token,
        redis_url=settings.redis_url,
        media_keys=settings.key_ring(),
        trusted_proxies=tuple(map(ip_network, settings.trusted_proxy)),
    )
