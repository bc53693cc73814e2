from typing import Self, final

from native._memory import StoredBody
from native._pool import BodyPool
from native._sealed import SealedFragment
from native.values import Division

AES_INSTRUCTIONS: bool

@final
class FragmentCipher:
    def __new__(
        cls,
        scheme: str,
        key: bytes,
        iv: bytes,
        division: Division | None = None,
        *,
        padded: bool = False,
    ) -> Self: ...
    @property
    def scheme(self) -> str: ...
    def fragment(self, header: bytes, body: bytes, first: int) -> bytes: ...
    def sealed(
        self,
        pool: BodyPool,
        header: bytes,
        descriptor: int,
        offset: int,
        length: int,
        first: int,
        *,
        at_once: bool = False,
    ) -> SealedFragment: ...
    def fragment_length(self, header: bytes, body: bytes) -> int: ...
    def subsamples(self, sample: bytes) -> list[tuple[int, int]]: ...

def encrypt_resource(key: bytes, iv: bytes, head: bytes, body: bytes) -> bytes: ...
def encrypt_resource_of_file(
    pool: BodyPool,
    key: bytes,
    iv: bytes,
    head: bytes,
    descriptor: int,
    *,
    offset: int,
    length: int,
) -> StoredBody: ...
