"""Files of subtitles beside a film: found by their names, and sent after it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cli.ingest.library import Library, ServerRefused
from cli.report.events import AnyEvent, SubtitlesAdded, SubtitlesRefused
from core.errors import Fault
from core.media.roles import TrackRole
from core.text.names import SUFFIXES, SidecarName, read_sidecar_name


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file of subtitles, and what its name says of it."""

    path: Path
    named: SidecarName

    @property
    def fields(self) -> dict[str, str]:
        """The same as the API asks for it."""
        kind = "subtitles"
        if TrackRole.FORCED in self.named.roles:
            kind = "forced"
        elif TrackRole.CAPTIONS in self.named.roles:
            kind = "captions"
        fields = {"language": self.named.language, "kind": kind}
        if self.named.default:
            fields["default"] = "true"
        if TrackRole.COMMENTARY in self.named.roles:
            fields["label"] = f"{self.named.language} (commentary)"
        return fields


def sidecars_of(film: Path) -> list[Sidecar]:
    """Find what lies beside a film, in the order of names; nothing where the folder is closed."""
    try:
        beside = sorted(film.parent.iterdir())
    except OSError:
        return []
    found = []
    for path in beside:
        if path.suffix.lower() in SUFFIXES and path.is_file():
            named = read_sidecar_name(path.stem, film.stem)
            if named is not None:
                found.append(Sidecar(path, named))
    return found


async def send_sidecars(library: Library, film: Path, video_id: str) -> AsyncIterator[AnyEvent]:
    """Send what lies beside a film; tells of each what became of it."""
    for sidecar in sidecars_of(film):
        name = sidecar.path.name
        try:
            added = await library.add_captions(video_id, sidecar.path, sidecar.fields)
        except Fault as fault:
            code = fault.answer_code if isinstance(fault, ServerRefused) else fault.code
            yield SubtitlesRefused(file=film.name, subtitles=name, code=code, reason=fault.message)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror}"
            yield SubtitlesRefused(
                file=film.name, subtitles=name, code="ingest.unreadable_file", reason=reason
            )
        else:
            yield SubtitlesAdded(
                file=film.name,
                subtitles=name,
                language=added.language,
                kind=added.kind,
                cues=added.read.cues,
                encoding=added.read.encoding,
                encoding_guessed=added.read.encoding_guessed,
            )
