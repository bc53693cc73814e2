"""Looking at edges: asking each admin port for its snapshot."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import aiohttp
import msgspec

from core.cache.snapshot import Rates, Snapshot, compare
from core.errors import OperatorFault, UpstreamFault

DEADLINE_S: Final = 5.0


class EdgeAway(UpstreamFault):
    """Nothing answers at an admin address, or something that is no edge."""

    code: ClassVar[str] = "edge.away"


class TokenWanted(OperatorFault):
    """The edge wants its admin token."""

    code: ClassVar[str] = "edge.token_wanted"


@dataclass(frozen=True, slots=True)
class Sight:
    """One edge: its latest snapshot and what happened since the one before, or what is wrong."""

    url: str
    snapshot: Snapshot | None
    rates: Rates | None
    problem: str | None


class Lookout:
    """Looks at some edges again and again."""

    def __init__(self, urls: Sequence[str], token: str | None) -> None:
        self._urls = urls
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._latest: dict[str, Snapshot] = {}

    async def look(self) -> list[Sight]:
        """Ask all at once."""
        async with aiohttp.ClientSession(headers=self._headers) as session:
            return list(await asyncio.gather(*(self._sight(session, url) for url in self._urls)))

    async def _sight(self, session: aiohttp.ClientSession, url: str) -> Sight:
        try:
            found = await _ask(session, url)
        except (EdgeAway, TokenWanted) as fault:
            self._latest.pop(url, None)
            return Sight(url, None, None, fault.message)
        before = self._latest.get(url)
        self._latest[url] = found
        return Sight(url, found, None if before is None else compare(before, found), None)


async def _ask(session: aiohttp.ClientSession, url: str) -> Snapshot:
    """One snapshot. Raises `EdgeAway` and `TokenWanted`."""
    try:
        async with asyncio.timeout(DEADLINE_S), session.get(f"{url}/top") as answer:
            body, status = await answer.read(), answer.status
    except TimeoutError as error:
        raise EdgeAway(f"the edge at {url} does not answer within {DEADLINE_S:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise EdgeAway(
            f"no edge answers at {url}; start one, or name its admin address with --admin-urls"
        ) from error
    if status == 401:
        raise TokenWanted(f"the edge at {url} wants its admin token: set SLUICE_ADMIN_TOKEN")
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.DecodeError as error:
        raise EdgeAway(f"what answers at {url} is no edge of this version") from error
