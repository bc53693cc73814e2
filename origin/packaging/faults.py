"""What can be wrong with a source, in words for the person who uploaded it."""

import errno
from pathlib import Path
from typing import Final

from core.errors import InputFault, UpstreamFault

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where there is no room, or no more of the share that we may use."""


class SourceFault(InputFault):
    """The uploaded file cannot be turned into a presentation; the same file will fail again."""

    status = 422
    code = "source.invalid"


class EmptySource(SourceFault):
    """The file has no bytes."""

    code = "source.empty"

    def __init__(self) -> None:
        super().__init__("This file is empty (0 bytes).")


class UnrecognisedSource(SourceFault):
    """No demuxer that we allow knows the file."""

    code = "source.unrecognised"

    def __init__(self) -> None:
        super().__init__("This is not a video or audio file of a kind that Sluice can read.")


class TruncatedSource(SourceFault):
    """The file ends before the data that its own index refers to."""

    code = "source.truncated"

    def __init__(self, missing_bytes: int) -> None:
        super().__init__(
            f"This file is cut short: {readable_bytes(missing_bytes)} are missing at its end. "
            "It was probably not copied or downloaded completely."
        )
        self.missing_bytes = missing_bytes


class MissingIndex(SourceFault):
    """An MP4 file without the `moov` box that says where its samples are."""

    code = "source.truncated"

    def __init__(self) -> None:
        super().__init__(
            "This MP4 file has no index (no moov box). The recording or the copy was probably "
            "interrupted before it was complete."
        )


class NoMedia(SourceFault):
    """The file holds neither video nor audio."""

    code = "source.no_media"

    def __init__(self) -> None:
        super().__init__("This file holds no video and no sound.")


class NoFrames(SourceFault):
    """There is a track without a single sample in it."""

    code = "source.no_frames"

    def __init__(self, kind: str) -> None:
        content = "picture" if kind == "video" else "sound"
        super().__init__(f"The {kind} track of this file is empty: there is no {content} in it.")


class UnheardSound(SourceFault):
    """Nothing of a sound track is presented: it ends before the first picture."""

    code = "source.unheard"

    def __init__(self) -> None:
        super().__init__("All sound of this track lies before the first picture.")


class SourceDimensions(SourceFault):
    """The picture is larger or smaller than the limits allow."""

    code = "source.dimensions"


class UnsupportedCodec(SourceFault):
    """Nothing here decodes what the file was made with, or it is encrypted."""

    code = "source.unsupported_codec"


class CorruptSource(SourceFault):
    """The file is of a known kind, but its content contradicts itself or cannot be decoded."""

    code = "source.corrupt"


class TooDemandingSource(SourceFault):
    """Working on the file took more memory or time than it may."""

    code = "source.too_demanding"


class StorageFull(UpstreamFault):
    """The disk has no room for what is being made; that is not the file's fault, and may pass.

    The message names `place`, which a person asked for, where there is one.
    """

    status = 507
    code = "storage.full"

    def __init__(self, place: Path | None = None) -> None:
        purpose = "to prepare this file" if place is None else f"for {place}"
        super().__init__(f"There is no room left on the disk {purpose}.")


class NeedsTranscodeError(Exception):
    """A track that was to be copied turns out not to be fit for it; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def readable_bytes(count: int) -> str:
    """Say an amount as a person would: "812 bytes", "4.1 MB"."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
