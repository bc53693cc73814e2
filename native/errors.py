"""The one error of the track index, shared by both twins."""


class CorruptIndex(ValueError):
    """A track index contradicts itself.

    `field` names what is wrong as the format does, `offset` says at which byte of the index it
    stands.
    """

    def __init__(self, field: str, offset: int, problem: str) -> None:
        super().__init__(f"{field} at byte {offset} {problem}")
        self.field = field
        self.offset = offset
