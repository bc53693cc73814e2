from typing_extensions import Buffer

def video_rows(
    rows: Buffer,
    flags: bytes,
    *,
    start: int,
    scale: tuple[int, int],
    window: tuple[int, int],
    longest_gap: int,
) -> bytes: ...
def audio_rows(
    rows: Buffer,
    *,
    first: int,
    frame_length: int,
    last_duration: int,
    scale: tuple[int, int],
    zero: int,
    longest_patch: int,
) -> bytes: ...
