"""The walker of a file's outermost boxes: sound input, and any input at all."""

from pathlib import Path

import pytest

from origin.packaging.boxes import OuterBoxes, outer_boxes

HUGE_MDAT = b"\0\0\0\x01mdat" + (20 << 30).to_bytes(8)


def box(kind: bytes, body: bytes = b"", *, claim: int = 0) -> bytes:
    return (claim or len(body) + 8).to_bytes(4) + kind + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"short", None),
        (b"no boxes at all, but text", None),
        (box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", b"x" * 9), OuterBoxes(True, False, 0)),
        (box(b"ftyp") + box(b"mdat", b"x", claim=100), OuterBoxes(False, False, 91)),
        (box(b"ftyp") + box(b"moov") + box(b"moof"), OuterBoxes(True, True, 0)),
        (box(b"ftyp") + b"\0\0\0\0mdat" + b"x" * 50, OuterBoxes(False, False, 0)),
        (box(b"ftyp") + HUGE_MDAT, OuterBoxes(False, False, (20 << 30) - 16)),
        (box(b"ftyp") + b"\0\0\0\x03junk", OuterBoxes(False, False, 0)),
        (box(b"wide") * 1000, OuterBoxes(False, False, 0)),
    ],
)  # fmt: skip
def test_outer_boxes(tmp_path: Path, data: bytes, expected: OuterBoxes | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert outer_boxes(path) == expected
