from typing import Self, final

from typing_extensions import Buffer

@final
class SampleTables:
    def __new__(
        cls,
        data: Buffer,
        boxes: dict[str, tuple[int, int]],
        file_bytes: int,
        path: str,
        descriptions: int,
    ) -> Self: ...
