"""What is asked of every server: the table of works, and the bytes they are about."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
SEED: Final = 20


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request, repeated: a whole object, or `length` bytes of it from `first` on.

    `depth` requests are sent at once on a connection. `mss` is the TCP_MAXSEG the client sets,
    or 0: a range that begins anywhere costs most where segments are as short as on Ethernet.
    """

    name: str
    title: str
    object_bytes: int
    first: int = 0
    length: int | None = None
    depth: int = 1
    mss: int = 0

    @property
    def is_range(self) -> bool:
        """Whether only a part is asked for."""
        return self.length is not None

    @property
    def body_bytes(self) -> int:
        """How many bytes the body of an answer has."""
        return self.object_bytes if self.length is None else self.length

    @property
    def status(self) -> int:
        """The status of an answer."""
        return 206 if self.is_range else 200

    @property
    def file(self) -> str:
        """The last part of the object's path."""
        return f"{self.object_bytes}.m4s"

    def fields(self) -> Mapping[str, str]:
        """The header fields beside Host that a request carries."""
        if self.length is None:
            return {}
        return {"Range": f"bytes={self.first}-{self.first + self.length - 1}"}

    def asks(self, folder: str, host: str) -> list[tuple[int, str]]:
        """Give what is sent in turn: the heads, each behind the length of the body it asks for."""
        return [(self.body_bytes, request_head(self, folder, host))]

    def body(self) -> bytes:
        """The bytes that must arrive."""
        whole = object_body(self.object_bytes)
        return whole[self.first : self.first + self.body_bytes]


WORKS: Final = (
    Work("1k", "1 KiB", KIB),
    Work("16k", "16 KiB", 16 * KIB),
    Work("range", "64 KiB unaligned range", 4 * MIB, first=1_500_001, length=64 * KIB, mss=1460),
    Work("256k", "256 KiB", 256 * KIB),
    Work("1m", "1 MiB", MIB),
    Work("4m", "4 MiB", 4 * MIB),
    Work("pipelined", "1 KiB, 16 pipelined", KIB, depth=16),
)

OBJECT_BYTES: Final = tuple(sorted({work.object_bytes for work in WORKS}))
PUBLIC_FOLDER: Final = "/media/p_bench/v/1080p/0123456789abcdef"
SIGNED_FOLDER: Final = "/media/s_bench/v/1080p/0123456789abcdef"


def object_body(size_bytes: int) -> bytes:
    """Bytes that no two objects share and that are the same in every run."""
    return random.Random(SEED + size_bytes).randbytes(size_bytes)


def request_head(work: Work, folder: str, host: str) -> str:
    """Write the head of a request, its empty line included."""
    return head_of(f"{folder}/{work.file}", host, work.fields())


def head_of(target: str, host: str, more: Mapping[str, str] | None = None) -> str:
    """Write the head of a GET request for a target, its empty line included."""
    fields = {"Host": host, "User-Agent": "sluice-bench", "Accept": "*/*", **(more or {})}
    lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join(lines) + "\r\n\r\n"
