from typing import Self, final

@final
class TrackFragments:
    def __new__(
        cls,
        descriptions: int,
        track_id: int,
        defaults: tuple[int, int, int, int] | None,
        sizes: dict[int, int],
    ) -> Self: ...
