"""The film that all contestants package: ten minutes of 1080p, made once and kept."""

import subprocess
from pathlib import Path
from typing import Final

PIECE_S: Final = 30
DEADLINE_S: Final = 1800
PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25")
SOUND: Final = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
# Key pictures each two seconds, B-frames, and about 5 Mbit/s, as films for the web have them.
H264: Final = (
    "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p",
    "-b:v", "5M", "-maxrate", "6M", "-bufsize", "10M",
    "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
)  # fmt: skip
AAC: Final = ("-c:a", "aac", "-b:a", "128k", "-ac", "2")


def film(ffmpeg: str, folder: Path, seconds: int) -> Path:
    """Give a film of that length; it is made where it is not there yet.

    Its picture repeats a piece, its sound is encoded in one go: sound that is cut to pieces does
    not fit together again.
    """
    path = folder / f"film-{seconds}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        piece, making = folder / "piece.mp4", folder / "making.mp4"
        _run(ffmpeg, *PICTURE, "-t", str(min(seconds, PIECE_S)), *H264, piece)
        again = ("-stream_loop", str(-(-seconds // PIECE_S) - 1), "-i", piece)
        fast = ("-t", str(seconds), "-movflags", "+faststart")
        _run(ffmpeg, *again, *SOUND, "-c:v", "copy", *AAC, *fast, making)
        piece.unlink()
        making.rename(path)
    return path


def _run(ffmpeg: str, *words: str | Path) -> None:
    command = [ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, timeout=DEADLINE_S)
