"""Events in words, for people."""

from typing import assert_never

from cli.report.events import (
    AlreadyThere,
    AnyEvent,
    ChildBack,
    ChildEnded,
    IngestFailed,
    Migrated,
    Playable,
    Preparing,
    Ready,
    Starting,
    Stopped,
    Stopping,
    SubtitlesAdded,
    SubtitlesRefused,
    Uploaded,
    Uploading,
    VideoReady,
)


def sentence(event: AnyEvent) -> str:
    """Say an event in one line, or several where it is a list."""
    match event:
        case Starting():
            return f"starting {event.what}"
        case Migrated():
            return f"the database's schema is now {event.schema:04}"
        case Ready():
            rows = "\n".join(f"  {label:<9}{value}" for label, value in ready_rows(event))
            return f"Sluice is ready after {event.after_s:.1f} s\n{rows}"
        case ChildEnded():
            again = f"starting it again in {event.restart_in_s:g} s"
            return f"{event.name} has ended ({event.reason}); {again}"
        case ChildBack():
            return f"{event.name} is running again"
        case Stopping():
            return f"{event.signal}: stopping; a second one ends everything at once"
        case Stopped():
            return "stopped"
        case SubtitlesAdded() | SubtitlesRefused():
            about = _about_subtitles(event)
        case _:
            about = _about_file(event)
    return f"{event.file}: {about}"


def ready_rows(event: Ready) -> list[tuple[str, str]]:
    """Give what a newcomer wants to know, label by label."""
    return [
        ("library", event.library),
        ("edge", event.edge),
        ("data", event.data),
        ("stop", "Ctrl-C"),
    ]


FileEvent = Uploading | Uploaded | AlreadyThere | Preparing | Playable | VideoReady | IngestFailed


def _about_file(event: FileEvent) -> str:
    match event:
        case Uploading():
            return f"uploading {percent(event.sent_bytes, event.total_bytes)}"
        case Uploaded():
            return f"uploaded {megabytes(event.total_bytes)} in {event.took_s:.1f} s"
        case AlreadyThere():
            return f"already in the library: {event.watch}"
        case Preparing():
            return f"{event.stage or event.status} {percent(event.progress, 1.0)}"
        case Playable():
            return f"playable after {event.after_s:.1f} s: {event.watch}"
        case VideoReady():
            return f"ready after {event.after_s:.1f} s"
        case IngestFailed():
            return f"failed: {event.reason}"
        case never:
            assert_never(never)


def _about_subtitles(event: SubtitlesAdded | SubtitlesRefused) -> str:
    if isinstance(event, SubtitlesRefused):
        return f"without {event.subtitles}: {event.reason}"
    guess = f", read as {event.encoding}, a guess" if event.encoding_guessed else ""
    about = f"{event.kind}, language {event.language}, {event.cues} cues{guess}"
    return f"with {event.subtitles} ({about})"


def percent(part: float, whole: float) -> str:
    """Write a share; nothing of nothing is all of it."""
    return f"{100 * part / whole:.0f} %" if whole else "100 %"


def megabytes(size: int) -> str:
    """Write a size as file managers do."""
    return f"{size / 1e6:.1f} MB"
