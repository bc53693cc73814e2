"""WebVTT inside of MP4 (ISO/IEC 14496-30 §7): each sample is a run of boxes, one for each cue."""

from typing import Final

from core.isobmff.box_reader import child_boxes
from core.text.cues import MOST_CHARACTERS
from core.text.faults import MalformedText
from core.text.webvtt import block_payload, cue_settings
from native import MalformedMovie

MOST_CUES_IN_SAMPLE: Final = 64

WvttCue = tuple[str, str, str]
"""Payload, settings and identifier."""


def wvtt_cues(sample: bytes) -> list[WvttCue]:
    """Give the cues that a sample shows; none where it is empty. Raises `MalformedText`."""
    cues: list[WvttCue] = []
    data = memoryview(sample)
    try:
        for box in child_boxes(data, "wvtt", 0, len(sample)):
            if box.kind != b"vttc":
                continue
            parts = {
                child.kind: bytes(data[child.content : child.end])
                for child in child_boxes(data, box.path, box.content, box.end)
            }
            cues.append(_cue(parts))
            if len(cues) > MOST_CUES_IN_SAMPLE:
                raise MalformedText(0, f"a sample has more than {MOST_CUES_IN_SAMPLE} cues")
    except MalformedMovie as problem:
        raise MalformedText(0, f"a sample cannot be read: {problem}") from problem
    return cues


def _cue(parts: dict[bytes, bytes]) -> WvttCue:
    shown = block_payload(_text(parts.get(b"payl", b"")))
    if len(shown) > MOST_CHARACTERS:
        raise MalformedText(0, f"a cue has {len(shown)} characters")
    name = _text(parts.get(b"iden", b"")).strip()
    return shown, cue_settings(_text(parts.get(b"sttg", b"")).split()), one_line(name)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def one_line(name: str) -> str:
    """Give an identifier; none where it would be something else in a file."""
    is_fit = name.isprintable() and "-->" not in name and not name.isdecimal()
    is_taken = name.startswith("NOTE") or name in {"STYLE", "REGION"}
    return name if is_fit and not is_taken else ""
