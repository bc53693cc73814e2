"""The edge on the data plane: its threads, and the requests they hand to Python."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Final

from core.http.audience import Audience
from core.http.forwarding import Network
from edge.access_log import MOST_WAITING, AccessLog
from edge.config import EdgeConfig
from edge.handler import EdgeHandler
from edge.metrics import EdgeMetrics
from edge.plane_client import PlaneClient
from edge.plane_counts import PlaneCounts
from edge.shelf import PlaneShelf
from edge.store import MemoryStore
from edge.wire import preflight_text, problem_texts, refusal_texts, token_texts
from native import Crossing, DataPlane, Memory
from runtime.metrics import LATENCY_BUCKETS_S

LINGER_S: Final = 2.0
# What a socket takes before it says that it is full: more buys nothing and costs cache misses.
SEND_BUFFER_BYTES: Final = 256 * 1024
# Bodies come in all sizes, and a place is used again only for a body of its size.
ADDRESSES_PER_BYTE: Final = 16
TIDY_S: Final = 1.0
STOP_S: Final = 2.0
# How many wait for the disk at the same time, so that no thread of the data plane has to.
READERS: Final = 4
BODY, WRITABLE, GONE = 2, 4, 8


def plane_memory(limit_bytes: int) -> Memory:
    """Memory for bodies of that many bytes in all."""
    return Memory(limit_bytes * ADDRESSES_PER_BYTE)


class PlaneServer:
    """Runs the data plane on some sockets, one thread for each."""

    def __init__(
        self,
        config: EdgeConfig,
        listeners: Sequence[socket.socket],
        memory: Memory,
        shelf: PlaneShelf,
        metrics: EdgeMetrics,
        log: AccessLog | None = None,
    ) -> None:
        for listener in listeners:
            _prepare(listener)
        self._config = config
        self._memory = memory
        self._listeners = listeners
        self._clients: dict[Crossing, tuple[PlaneClient, asyncio.Task[None]]] = {}
        self._threads: list[threading.Thread] = []
        self._readers: list[threading.Thread] = []
        self._handler: EdgeHandler | None = None
        self._tidying: asyncio.Task[None] | None = None
        self.plane = DataPlane(
            [os.dup(listener.fileno()) for listener in listeners],
            memory,
            timers_s=(
                config.idle_timeout_s,
                min(config.header_timeout_s, config.idle_timeout_s),
                config.client_timeout_s,
                config.client_timeout_s,
                LINGER_S,
            ),
            connections=max(1, config.max_connections // len(listeners)),
            per_client=config.max_connections_per_client,
            trusted=[_mapped(network) for network in config.trusted_proxies],
            preflight=preflight_text(),
            refusals=refusal_texts(),
            problems=[*problem_texts()],
            token_refused=[*token_texts(config.name)],
            keys=[(key.kid.encode("ascii"), key.secret) for key in config.media_keys.keys],
            fill_key=None if config.fill_key is None else config.fill_key.encode(),
            for_edges=config.audience is Audience.EDGES,
            bounds_s=list(LATENCY_BUCKETS_S),
            journal_records=0 if log is None else MOST_WAITING,
        )
        shelf.attach(self.plane)
        PlaneCounts(metrics, self.plane).attach()
        metrics.hot_keys.attach(self.plane)
        if log is not None:
            log.attach(self.plane.log_lines)

    async def start(self, handler: EdgeHandler, store: MemoryStore) -> None:
        """Serve from now on."""
        self._handler = handler
        asyncio.get_running_loop().add_reader(self.plane.fileno(), self._poll)
        self._tidying = asyncio.create_task(self._tidy(store))
        for number in range(self.plane.threads):
            thread = threading.Thread(
                target=self.plane.serve, args=(number,), name=f"plane-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)
        for number in range(READERS):
            reader = threading.Thread(
                target=self._memory.read, name=f"reader-{number}", daemon=True
            )
            reader.start()
            self._readers.append(reader)

    async def close(self) -> None:
        """Stop accepting, let answers end until the deadline, then end what is left."""
        for listener in self._listeners:
            listener.close()
        self.plane.drain()
        if not await self._joined(self._threads, self._config.drain_timeout_s):
            self.plane.stop()
            await self._joined(self._threads, STOP_S)
        self._memory.stop()
        await self._joined(self._readers, STOP_S)
        self._poll()
        asyncio.get_running_loop().remove_reader(self.plane.fileno())
        tasks = [task for _, task in self._clients.values()]
        if self._tidying is not None:
            tasks.append(self._tidying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    async def _joined(threads: Sequence[threading.Thread], limit_s: float) -> bool:
        """Wait for threads to end; whether they did in time."""
        deadline_s = time.monotonic() + limit_s
        for thread in threads:
            left_s = max(0.0, deadline_s - time.monotonic())
            await asyncio.to_thread(thread.join, left_s)
        return not any(thread.is_alive() for thread in threads)

    async def _tidy(self, store: MemoryStore) -> None:
        """Now and then, count what the threads answered and take back what they let go of."""
        while True:
            await asyncio.sleep(TIDY_S)
            store.note_uses()
            if store.tracks is not None:
                store.tracks.expire(time.time())
            self._memory.reclaim()

    def _poll(self) -> None:
        while found := self.plane.poll():
            for crossing, events in found:
                self._take(crossing, events)

    def _take(self, crossing: Crossing, events: int) -> None:
        known = self._clients.get(crossing)
        if known is None:
            if not events & GONE and events & 1:
                self._begin(crossing)
            return
        client, task = known
        if events & GONE:
            task.cancel()
        if events & BODY:
            client.body_came()
        if events & WRITABLE:
            client.writable()

    def _begin(self, crossing: Crossing) -> None:
        assert self._handler is not None
        client = PlaneClient(crossing, logged=self.plane.journal_records > 0)
        task = asyncio.create_task(self._answer(self._handler, client))
        self._clients[crossing] = client, task
        task.add_done_callback(lambda _: self._end(crossing))

    async def _answer(self, handler: EdgeHandler, client: PlaneClient) -> None:
        try:
            await handler.answer(client.incoming(), client)
        finally:
            client.conclude()

    def _end(self, crossing: Crossing) -> None:
        """A request is done with; one that was left without its end is broken off."""
        del self._clients[crossing]
        crossing.reset()


def _prepare(listener: socket.socket) -> None:
    """Set what accepted sockets inherit."""
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def _mapped(network: Network) -> tuple[bytes, int]:
    """A network in the addresses of IPv6, where IPv4 is mapped to (RFC 4291 §2.5.5.2)."""
    address = network.network_address.packed
    if isinstance(network, IPv4Network):
        return bytes(10) + b"\xff\xff" + address, 96 + network.prefixlen
    return address, network.prefixlen
