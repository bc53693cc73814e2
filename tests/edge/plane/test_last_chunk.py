"""What the access log is told of an answer in chunks, and when."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from edge.plane_client import PlaneClient

if TYPE_CHECKING:
    from native import Crossing

HEAD = b"GET /media/p_1/0.m4s HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Recording:
    """A crossing that keeps what it is given, in order: bytes, and notes as (result, promised)."""

    head: bytes = HEAD
    keep_alive: bool = True
    given: list[bytes | tuple[bytes, int]] = field(default_factory=list)

    def push(self, piece: bytes) -> None:
        self.given.append(piece)

    def note(self, _status: int, result: bytes, _identity: bytes, promised: int) -> None:
        self.given.append((result, promised))

    def wait_writable(self, _most_bytes: int) -> bool:
        return False

    def finish(self) -> None:
        pass

    def cut(self) -> None:
        pass

    def reset(self) -> None:
        pass


async def test_all_is_promised_before_the_last_chunk_is_on_its_way() -> None:
    """The client may have it, and be gone, before anything else is said."""
    crossing = Recording()
    client = PlaneClient(cast("Crossing", crossing), logged=True)
    client.account.expected = "pass"
    await client.begin(200, (), None)
    await client.send(b"abc")
    await client.end()
    assert crossing.given[-1] == b"0\r\n\r\n"
    pushed = sum(len(each) for each in crossing.given if isinstance(each, bytes))
    assert crossing.given[-2] == (b"pass", pushed)
    assert client.account.complete
