from collections.abc import Sequence
from typing import final

from native._crossing import Crossing
from native._memory import Memory, StoredBody
from native._protection import FragmentCipher

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
        journal_records: int = 0,
        batches: bool = True,
    ) -> DataPlane: ...
    @property
    def threads(self) -> int: ...
    @property
    def journal_records(self) -> int: ...
    def fileno(self) -> int: ...
    def serve(self, number: int) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...
    def store(
        self,
        key: bytes,
        body: StoredBody | None,
        *,
        version: int,
        length: int,
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
    def store_track(
        self,
        key: bytes,
        samples: StoredBody,
        index: StoredBody,
        *,
        sample_count: int,
        first: Sequence[int],
        count: Sequence[int],
        cipher: FragmentCipher | None,
        initial_age_s: float,
        received_s: float,
        fresh_s: int,
        etag: bytes,
        content_type: bytes | None,
        whole: bytes,
        part: bytes,
        unchanged: bytes,
        error: bytes,
        caption: bytes,
    ) -> None: ...
    def fork(self, key: bytes, names: bytes) -> None: ...
    def drop(self, key: bytes) -> bool: ...
    def store_slice(self, version: int, number: int, body: StoredBody) -> None: ...
    def drop_slice(self, version: int, number: int) -> bool: ...
    def used(self) -> list[tuple[int, int, int]]: ...
    def poll(self) -> list[tuple[Crossing, int]]: ...
    def watch(self, watched: bool) -> None: ...
    def samples(self) -> list[tuple[bytes, int]]: ...
    def log_lines(self) -> bytes: ...
    def counters(self) -> list[dict[str, int | tuple[int, ...]]]: ...
