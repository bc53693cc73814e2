"""What the upstream of these runs serves: one path for each way to behave."""

from typing import Final

from benchmarks.load.works import object_body

FOLDER: Final = "/media/p_hostile/"
SIGNED_FOLDER: Final = "/media/s_hostile/"
VIEWED: Final = FOLDER + "viewed.m4s"
LARGE: Final = FOLDER + "large.m4s"
VIEWED_BYTES: Final = 64 * 1024
LARGE_BYTES: Final = 4 * 2**20
ODD_BYTES: Final = 100_000


def body_of(path: str) -> bytes:
    """The whole body that a path stands for, even where the upstream does not send all of it."""
    if path == LARGE:
        return object_body(LARGE_BYTES)
    if path == VIEWED:
        return object_body(VIEWED_BYTES)
    return object_body(ODD_BYTES)
