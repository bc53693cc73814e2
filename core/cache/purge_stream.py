"""The stream that carries purges to every edge: its entries, and where a reader stands in it.

The stream is bounded and its keeper may lose data, so a reader that was away has to know whether
it missed anything. Every entry names the *epoch* of the stream, a random word that changes whenever
entries were lost; a position is an epoch and the id of the last entry applied. When in doubt the
reader forgets everything it has stored: that costs fetches, never a wrong answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from core.cache.purging import EVERYTHING, Purge
from core.errors import Fault, UpstreamFault
from core.http.cache_key import resource_of_url

MOST_NAMES: Final = 10_000
LONGEST_ENTRY: Final = 4 * 2**20
LONGEST_WORD: Final = 128

_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})", re.ASCII)


class UnreadableEntry(UpstreamFault):
    """An entry or an id of the purge stream is not what we write there."""

    code: ClassVar[str] = "purge_stream.unreadable"


@dataclass(frozen=True, slots=True, order=True)
class StreamId:
    """The id of an entry: milliseconds, and a number among those of one millisecond."""

    time_ms: int = 0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.time_ms}-{self.number}"

    @staticmethod
    def parse(text: str) -> "StreamId":
        """Read ``1700000000000-0``. Raises `UnreadableEntry`."""
        found = _ID.fullmatch(text)
        if found is None:
            raise UnreadableEntry(f"{text[:60]!r} is no id of a stream entry")
        return StreamId(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class StreamState:
    """The stream as it stands: its epoch and its first and last entry.

    Without an epoch nobody has begun it; without entries both ids are zero.
    """

    epoch: str | None
    first: StreamId
    last: StreamId


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader stands: everything of `epoch` up to and with the entry `last` is applied."""

    epoch: str | None
    last: StreamId


class Gap(StrEnum):
    """Why a reader cannot tell what it missed."""

    UNKNOWN = "unknown"  # it has not been able to read the stream since it began to store
    LOST = "lost"  # entries were lost, or the stream is another one
    TRIMMED = "trimmed"  # the entries after its position have made room for later ones
    UNREADABLE = "unreadable"  # an entry says what we do not understand


def end_of(state: StreamState) -> Position:
    """The position of a reader for whom nothing before now matters."""
    return Position(state.epoch, state.last)


def gap(position: Position | None, state: StreamState) -> Gap | None:
    """What keeps a reader from going on at `position`; None when the stream has all it missed."""
    if position is None:
        return Gap.UNKNOWN
    if state.epoch != position.epoch or state.last < position.last:
        return Gap.LOST
    # The entry at the position is there still, so those after it are, too.
    if state.first > position.last:
        return Gap.TRIMMED
    return None


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """A purge as it travels: `token` is the same each time that one purge is told, by any way."""

    token: str
    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    soft: bool = False
    everything: bool = False

    def purge(self) -> Purge:
        """What it does to a cache. Raises `RefusedTarget`."""
        if self.everything:
            return EVERYTHING
        return Purge(frozenset(self.keys), frozenset(map(resource_of_url, self.urls)), self.soft)


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry of the stream. Without an order it only marks where an epoch begins."""

    epoch: str
    order: PurgeOrder | None = None


class _Body(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    token: str
    keys: list[str] = []
    urls: list[str] = []
    soft: bool = False
    everything: bool = False


def write_order(order: PurgeOrder) -> str:
    """The text of the field `purge` of an entry."""
    body = _Body(order.token, list(order.keys), list(order.urls), order.soft, order.everything)
    return msgspec.json.encode(body).decode()


def read_entry(fields: Mapping[str, str]) -> StreamEntry:
    """Read the fields of an entry. Raises `UnreadableEntry`."""
    epoch, written = fields.get("epoch", ""), fields.get("purge")
    if not 0 < len(epoch) <= LONGEST_WORD:
        raise UnreadableEntry(f"an entry names the epoch {epoch[:60]!r}")
    if written is None:
        return StreamEntry(epoch)
    if len(written) > LONGEST_ENTRY:
        raise UnreadableEntry(f"an entry has {len(written)} characters, over {LONGEST_ENTRY}")
    return StreamEntry(epoch, _read_order(written))


def _read_order(written: str) -> PurgeOrder:
    try:
        body = msgspec.json.decode(written, type=_Body)
        order = PurgeOrder(
            body.token, tuple(body.keys), tuple(body.urls), body.soft, body.everything
        )
        _check(order)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableEntry(f"an entry is no purge: {error}") from error
    except Fault as fault:
        raise UnreadableEntry(f"an entry is no purge: {fault.message}") from fault
    return order


def _check(order: PurgeOrder) -> None:
    count = len(order.keys) + len(order.urls)
    if order.everything and (count or order.soft):
        raise UnreadableEntry("an entry orders to forget all, and something else")
    sound = order.everything or 0 < count <= MOST_NAMES
    if not sound or not 0 < len(order.token) <= LONGEST_WORD:
        raise UnreadableEntry(f"an entry orders {count} names, token {order.token[:60]!r}")
    order.purge()
