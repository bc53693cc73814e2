"""Making the edges forget: purges are written down first and delivered until acknowledged.

A purge is a row of `purge_outbox`, committed with the change that calls for it, so it survives us.
Delivery goes to every configured edge; one that stays away for a day is given up, for by then it
holds nothing that was cached under the old state, or it has gone for good. With Redis it also goes
into the stream that every edge follows, which is never given up: edges we do not know read it.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import aiohttp

from core.cache.purge_stream import PurgeOrder
from core.errors import Fault
from runtime.logs import get_logger
from server.purge_publisher import PurgePublisher
from server.repository import OwedPurge, Repository

POLL_S = 2.0
BATCH = 50
ATTEMPT_DEADLINE_S = 5.0
LEASE = timedelta(seconds=30)
LONGEST_DELAY_S = 60.0
GIVE_UP_AFTER = timedelta(days=1)
# Redis as one of those who acknowledge; no URL of an edge looks like this.
STREAM = "redis"
# Many edges wait for it, so it is tried more often than one of them.
LONGEST_STREAM_DELAY_S = 5.0

log = get_logger(__name__)


def delay_s(attempts: int, jitter: float) -> float:
    """The wait after the `attempts`th failure: doubling from 1 s; `jitter` of ±1 is ±20 %."""
    return min(LONGEST_DELAY_S, 2.0 ** min(attempts - 1, 10)) * (1 + 0.2 * jitter)


class Purges:
    """The outbox and the task that empties it."""

    def __init__(
        self,
        repository: Repository,
        edges: Sequence[str],
        token: str | None = None,
        publisher: PurgePublisher | None = None,
    ) -> None:
        self._repository = repository
        self._fields = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._edges = tuple(edges)
        self._publisher = publisher
        self._news = asyncio.Event()

    def announce(self) -> None:
        """Say that a purge was just written down, so that delivery need not wait for its turn."""
        self._news.set()

    async def run(self) -> None:
        """Deliver what is owed, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._fields) as client:
            while True:
                await self._deliver_due(client)
                await self._publish(())  # says whether Redis has lost what it had
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def _deliver_due(self, client: aiohttp.ClientSession) -> None:
        try:
            while owed := await self._repository.claim_purges(limit=BATCH, lease=LEASE):
                async with asyncio.TaskGroup() as group:
                    publication = group.create_task(self._publish(owed))
                    for purge in owed:
                        group.create_task(self._deliver(client, purge, publication))
        except* Fault as faults:  # Postgres is away; the rows are not
            log.warning("purge.postponed", reason=str(faults.exceptions[0]))

    async def _publish(self, owed: Sequence[OwedPurge]) -> bool:
        """Put into the stream what is not there yet, oldest first; whether all of it now is."""
        if self._publisher is None:
            return True
        missing = [purge for purge in owed if STREAM not in purge.acknowledged]
        missing.sort(key=lambda purge: purge.id)
        try:
            await self._publisher.publish([purge.order for purge in missing])
        except Fault as fault:  # Redis or Postgres is away; the rows are not
            log.warning("purge.unpublished", purges=len(missing), reason=fault.message)
            return False
        return True

    async def _deliver(
        self, client: aiohttp.ClientSession, purge: OwedPurge, publication: asyncio.Task[bool]
    ) -> None:
        missing = [edge for edge in self._edges if edge not in purge.acknowledged]
        answers = await asyncio.gather(*(_tell(client, edge, purge) for edge in missing))
        told = {edge for edge, heard in zip(missing, answers, strict=True) if heard}
        published = STREAM in purge.acknowledged or await publication
        if published and len(told) == len(missing):
            await self._repository.settle_purge(purge.id)
        elif published and purge.age > GIVE_UP_AFTER:
            log.error("purge.given_up", purge=purge.id, edges=sorted(set(missing) - told))
            await self._repository.settle_purge(purge.id)
        else:
            wait_s = delay_s(purge.attempts, random.uniform(-1, 1))
            if not published:
                wait_s = min(wait_s, LONGEST_STREAM_DELAY_S)
            elif self._publisher is not None:
                told.add(STREAM)
            heard = purge.acknowledged | told
            await self._repository.postpone_purge(purge.id, heard, timedelta(seconds=wait_s))


async def _tell(client: aiohttp.ClientSession, edge: str, purge: OwedPurge) -> bool:
    """Whether `edge` acknowledged the purge."""
    # By the token an edge knows a purge that reaches it through Redis as well.
    fields = {"Idempotency-Key": purge.order.token}
    try:
        async with client.post(
            f"{edge}/cache/purge", json=_message(purge.order), headers=fields
        ) as answer:
            if answer.ok:
                return True
            reason = f"it answered {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
    log.warning("purge.unheard", edge=edge, purge=purge.id, attempt=purge.attempts, reason=reason)
    return False


def _message(order: PurgeOrder) -> dict[str, object]:
    if order.everything:
        return {"all": True}
    urls = {"urls": list(order.urls)} if order.urls else {}
    return {"keys": list(order.keys), **urls, "soft": order.soft}
