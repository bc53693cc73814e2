from typing import final

@final
class BodyPool:
    def __new__(cls, idle_bytes: int) -> BodyPool: ...
    @property
    def lent_bytes(self) -> int: ...
