from collections.abc import Mapping
from typing import Self, final

from typing_extensions import Buffer

from native.values import SampleRun

@final
class SampleTable:
    def __new__(
        cls,
        data: Buffer,
        boxes: Mapping[str, tuple[int, int]],
        *,
        file_bytes: int,
        path: str,
        descriptions: int,
        track_id: int = 0,
        defaults: tuple[int, int, int, int] | None = None,
        default_sizes: Mapping[int, int] | None = None,
    ) -> Self: ...
    @property
    def sample_count(self) -> int: ...
    @property
    def duration(self) -> int: ...
    def add_fragment(self, number: int, start: int, data: bytes, content: int) -> None: ...
    def finish(self) -> None: ...
    def used_descriptions(self) -> list[int]: ...
    def rewind(self) -> None: ...
    def next_run(self, limit_bytes: int, limit_samples: int) -> SampleRun | None: ...
    def next_rows(self, limit: int) -> bytes: ...
