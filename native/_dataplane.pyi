from collections.abc import Sequence
from typing import final

from typing_extensions import Buffer

from native._memory import Memory, StoredBody

@final
class Crossing:
    @property
    def head(self) -> bytes: ...
    @property
    def peer(self) -> bytes: ...
    @property
    def keep_alive(self) -> bool: ...
    @property
    def unsent(self) -> int: ...
    def push(self, data: Buffer) -> None: ...
    def push_stored(self, body: StoredBody, start: int, stop: int) -> None: ...
    def wait_writable(self) -> bool: ...
    def finish(self) -> None: ...
    def cut(self) -> None: ...
    def reset(self) -> None: ...
    def take_body(self) -> tuple[list[bytes], bool, bool]: ...

@final
class DataPlane:
    def __new__(
        cls,
        listeners: list[int],
        memory: Memory,
        *,
        timers_s: tuple[float, ...],
        connections: int,
        per_client: int,
        trusted: list[tuple[bytes, int]],
        preflight: bytes,
        refusals: list[bytes],
        problems: list[Sequence[bytes | None]],
        token_refused: list[Sequence[bytes]],
        keys: list[tuple[bytes, bytes]],
        fill_key: bytes | None,
        for_edges: bool = ...,
        bounds_s: list[float],
    ) -> DataPlane: ...
    @property
    def threads(self) -> int: ...
    def fileno(self) -> int: ...
    def serve(self, number: int) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...
    def store(
        self,
        key: bytes,
        body: StoredBody | None,
        *,
        media: bool,
        status: int,
        initial_age_s: float,
        received_s: float,
        fresh_s: int,
        etag: bytes | None,
        last_modified_s: int | None,
        content_type: bytes | None,
        whole: bytes,
        part: bytes,
        parts: bytes,
        unchanged: bytes,
        error: bytes,
        caption: bytes,
    ) -> None: ...
    def drop(self, key: bytes) -> bool: ...
    def used(self) -> list[tuple[bytes, int]]: ...
    def poll(self) -> list[tuple[Crossing, int]]: ...
    def counters(self) -> list[dict[str, int | tuple[int, ...]]]: ...
