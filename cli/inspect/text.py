"""An inspection as a person reads it."""

from collections.abc import Iterator

from core.media.roles import TrackRole
from origin.packaging.faults import readable_bytes
from origin.packaging.inspection import InspectedAudio, InspectedText, InspectedVideo, Inspection
from origin.packaging.movie_facts import MovieFacts
from origin.packaging.report import Decision

VERBS = {
    Decision.COPY: "copied as it is",
    Decision.TRANSCODE: "transcoded",
    Decision.IGNORE: "left out",
}


def inspection_text(inspection: Inspection) -> str:
    """Give the lines, each with its end."""
    return "".join(f"{line}\n" for line in _lines(inspection))


def _lines(found: Inspection) -> Iterator[str]:
    seconds = found.duration_ms / 1000
    yield f"{found.file}: {found.container}, {readable_bytes(found.size_bytes)}, {seconds:.3f} s"
    if found.movie is not None:
        yield from _movie(found.movie)
    if found.video is not None:
        yield from _video(found.video)
        yield from _edits(found.movie, found.video)
    for track in found.audio:
        yield from _audio(track)
        yield from _edits(found.movie, track)
    for text in found.text:
        yield from _text(text)
    for each in found.ignored:
        yield f"stream {each.index}: {each.kind} {each.codec}".rstrip()
        yield f"  left out: {each.reason}"
    if found.segments is not None:
        cut = found.segments
        lengths = _lengths(cut.shortest_s, cut.median_s, cut.longest_s)
        yield f"segments: {cut.count}, {lengths}"
    for chapter in found.chapters:
        yield f"chapter: {chapter.start_ms / 1000:.3f} s, {chapter.title}"
    for problem in found.problems:
        yield f"problem: {problem}"
    if found.repaired:
        yield "  it is repaired: FFmpeg's demuxer takes the file apart"


def _movie(movie: MovieFacts) -> Iterator[str]:
    place = "in front of" if movie.index_first else "behind"
    words = [f"index of {readable_bytes(movie.index_bytes)} {place} the media"]
    if movie.fragments:
        words.append(f"{movie.fragments} fragments")
    if movie.segment_indexes:
        words.append(f"{movie.segment_indexes} segment indexes")
    if movie.brands:
        words.append(f"brands {', '.join(movie.brands)}")
    yield f"  {'; '.join(words)}"


def _edits(movie: MovieFacts | None, track: InspectedVideo | InspectedAudio) -> Iterator[str]:
    for each in () if movie is None else movie.tracks:
        if each.track_id != track.track_id:
            continue
        if each.dolby_vision:
            yield f"  Dolby Vision: {each.dolby_vision}"
        if each.edits:
            yield f"  edit list: {each.edits}"
        if each.descriptions > 1:
            yield f"  {each.descriptions} sample descriptions that differ"


def _video(track: InspectedVideo) -> Iterator[str]:
    rate = f"{track.frame_rate:g} frames/s" if track.frame_rate else "no constant rate"
    yield (
        f"stream {track.stream}: video {_codec(track.codec, track.codecs, track.profile)}, "
        f"{track.width}×{track.height}, {rate}, {track.bit_depth} bit, {track.samples} samples"
        f"{_words(track)}"
    )
    if track.colour:
        high = " (high dynamic range)" if track.high_dynamic_range else ""
        yield f"  colour: {track.colour}{high}"
    if track.light:
        yield f"  light: {track.light}"
    if (track.shown_width, track.shown_height) != (track.width, track.height):
        yield f"  shown as {track.shown_width}×{track.shown_height}"
    if track.closed_captions:
        yield f"  captions inside of the pictures: {', '.join(track.closed_captions)}"
    if track.groups is not None:
        groups = track.groups
        lengths = _lengths(groups.shortest_s, groups.median_s, groups.longest_s)
        yield f"  groups of pictures: {groups.count}, {groups.open} of them open, {lengths}"
    yield f"  {VERBS[track.decision]}: {track.reason}"


def _audio(track: InspectedAudio) -> Iterator[str]:
    default = _flags(track.roles, default=track.default)
    yield (
        f"stream {track.stream}: audio {_codec(track.codec, track.codecs, track.profile)}, "
        f"{track.channels} channels, {track.sample_rate} Hz, language {track.language}{default}"
        f"{_titled(track.label)}"
    )
    yield f"  {VERBS[track.decision]}: {track.reason}"


def _text(track: InspectedText) -> Iterator[str]:
    words = _flags(track.roles, default=track.default) + _titled(track.label)
    yield f"stream {track.stream}: text {track.codec}, language {track.language}{words}"
    yield "  made into WebVTT"


def _flags(roles: tuple[TrackRole, ...], *, default: bool) -> str:
    words = (*roles, "default") if default else roles
    return "".join(f", {word}" for word in words)


def _words(track: InspectedVideo) -> str:
    language = "" if track.language == "und" else f", language {track.language}"
    interlaced = ", interlaced" if track.interlaced else ""
    return f"{interlaced}{language}{_titled(track.label)}"


def _titled(label: str) -> str:
    return f', "{label}"' if label else ""


def _codec(codec: str, codecs: str, profile: str) -> str:
    details = ", ".join(part for part in (profile, codecs) if part)
    return f"{codec} ({details})" if details else codec


def _lengths(shortest_s: float, median_s: float, longest_s: float) -> str:
    return f"{shortest_s:.3f} / {median_s:.3f} / {longest_s:.3f} s (shortest, median, longest)"
