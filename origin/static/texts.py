"""Text in a folder for any web server: subtitles of films and beside them, and chapters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.manifest.hls_text import text_playlist
from core.manifest.urls import MEDIA_PLAYLIST, WHOLE_TEXT, rendition_folder, text_segment
from core.media.chapters import Chapter, timed_chapters
from core.media.presentation import Rendition, TextTraits, TrackKind
from core.media.roles import sorted_roles
from core.media.timeline import CutPlan
from core.text.chapters import chapters_json, chapters_vtt
from core.text.cues import TextDocument
from core.text.faults import MalformedText
from core.text.names import SUFFIXES, SidecarName, read_sidecar_name
from core.text.track import CODEC, MILLISECONDS, TextTrack, bit_rates, track_name
from core.text.webvtt import write_webvtt
from origin.packaging.limits import Limits
from origin.static.films import Film, blaming
from origin.static.request import LeftOut, RefusedSource, Watcher
from origin.static.writing import writing

CHAPTERS_VTT: Final = "chapters.vtt"
CHAPTERS_JSON: Final = "chapters.json"


@dataclass(frozen=True, slots=True)
class GatheredText:
    """A document, where it comes from, and what tells it from others."""

    content: TextDocument
    source: Path
    traits: TextTraits


@dataclass(frozen=True, slots=True)
class CutText:
    """A text track, cut where the picture is cut."""

    track: TextTrack
    source: Path
    rendition: Rendition


def divide(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Tell films from files of subtitles, by their suffix."""
    texts = [path for path in files if path.suffix.lower() in SUFFIXES]
    return [path for path in files if path not in texts], texts


def gather_texts(
    films: Sequence[Film], sidecars: Sequence[Path], limits: Limits, watcher: Watcher
) -> tuple[list[GatheredText], list[LeftOut]]:
    """Read all text. Raises `RefusedSource` for a file of subtitles that cannot be read."""
    texts = [_sidecar(path, films) for path in sidecars]
    left_out: list[LeftOut] = []
    for film in films:
        if not film.report.text:
            continue
        # Imported here: FFmpeg takes longer to load than the usual film to package.
        from origin.packaging.text import read_text  # noqa: PLC0415 - see above

        step = watcher.step(f"Reading the subtitles of {film.path.name}")
        with blaming(film.path):
            read = read_text(film.path, film.report, step, limits=limits)
        for each in read:
            track = each.track
            traits = TextTraits(track.language, track.label, track.default, frozenset(track.roles))
            texts.append(GatheredText(each.content, film.path, traits))
            left_out += [film.left_out_text(track, note) for note in each.notes]
        kept = {each.track.index for each in read}
        empty = (track for track in film.report.text if track.index not in kept)
        left_out += [film.left_out_text(track, "it shows nothing") for track in empty]
    return texts, left_out


def cut_texts(texts: Sequence[GatheredText], plan: CutPlan) -> list[CutText]:
    """Cut all text where the picture is cut."""
    taken: set[str] = set()
    cut = []
    for each in texts:
        traits = each.traits
        name = track_name(traits.language, sorted_roles(traits.roles), frozenset(taken))
        taken.add(name)
        track = TextTrack(each.content, plan)
        peak, mean = bit_rates(each.content, plan.end * MILLISECONDS // plan.timescale)
        rendition = Rendition(
            kind=TrackKind.TEXT,
            name=name,
            build_hash="",
            codec=CODEC,
            timescale=plan.timescale,
            spans=plan.spans,
            bandwidth=peak,
            average_bandwidth=mean,
            traits=traits,
        )
        cut.append(CutText(track, each.source, rendition))
    return cut


def write_texts(texts: Sequence[CutText], folder: Path) -> Iterator[tuple[CutText, int]]:
    """Write each text's folder; gives its bytes."""
    for each in texts:
        place = folder / rendition_folder(each.rendition)
        files = {
            MEDIA_PLAYLIST: text_playlist(each.rendition),
            WHOLE_TEXT: write_webvtt(each.track.content),
        }
        files |= {
            text_segment(number): each.track.segment(number)
            for number in range(len(each.rendition.spans))
        }
        with writing(place):
            place.mkdir(parents=True)
            for name, text in files.items():
                (place / name).write_text(text, encoding="utf-8")
        yield each, sum(len(text.encode()) for text in files.values())


def write_chapters(chapters: Sequence[Chapter], duration_ms: int, folder: Path) -> int:
    """Write the chapters, where there are any; gives their bytes."""
    if not chapters:
        return 0
    timed = timed_chapters(chapters, duration_ms)
    texts = {CHAPTERS_VTT: chapters_vtt(timed).encode(), CHAPTERS_JSON: chapters_json(timed)}
    with writing(folder):
        for name, data in texts.items():
            (folder / name).write_bytes(data)
    return sum(map(len, texts.values()))


def _sidecar(path: Path, films: Sequence[Film]) -> GatheredText:
    # Imported here: it knows every format, and most films come without such a file.
    from core.text.sidecar import MOST_BYTES, read_sidecar  # noqa: PLC0415 - see above

    with blaming(path):
        if path.stat().st_size > MOST_BYTES:
            raise RefusedSource(f"{path.name}: it is larger than the {MOST_BYTES} bytes it may be")
        data = path.read_bytes()
    try:
        content = read_sidecar(data).content
    except MalformedText as fault:
        raise RefusedSource(f"{path.name}: {fault.message}") from fault
    named = _named(path, films)
    return GatheredText(content, path, TextTraits(named.language, "", named.default, named.roles))


def _named(path: Path, films: Sequence[Film]) -> SidecarName:
    """Read the name beside that of a film, or else beside its own first word."""
    stems = [*(film.path.stem for film in films), path.stem.partition(".")[0]]
    names = (read_sidecar_name(path.stem, stem) for stem in stems)
    return next((name for name in names if name is not None), SidecarName())
