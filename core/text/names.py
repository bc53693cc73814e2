"""What the name of a file of subtitles says of it: `film.en.forced.srt` beside `film.mp4`."""

import re
from dataclasses import dataclass
from typing import Final

from core.media.language import UNDETERMINED, language_tag
from core.media.roles import TrackRole

SUFFIXES: Final = frozenset({".srt", ".vtt", ".ass", ".ssa"})
_FLAGS: Final = {
    "forced": TrackRole.FORCED,
    "foreign": TrackRole.FORCED,
    "sdh": TrackRole.CAPTIONS,
    "cc": TrackRole.CAPTIONS,
    "hi": TrackRole.CAPTIONS,
    "captions": TrackRole.CAPTIONS,
    "commentary": TrackRole.COMMENTARY,
}
DEFAULT_WORD: Final = "default"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class SidecarName:
    """A language as BCP 47 writes it, what the track is for, whether it is shown unasked."""

    language: str = UNDETERMINED
    roles: frozenset[TrackRole] = frozenset()
    default: bool = False


def read_sidecar_name(stem: str, film_stem: str) -> SidecarName | None:
    """Read a name without its suffix, beside that of a film; None where it belongs to another.

    After the film's name come, in any order and divided by dots, a language and flags. `hi` after a
    language is a flag, alone it is Hindi.
    """
    if stem == film_stem:
        return SidecarName()
    if not stem.startswith(f"{film_stem}."):
        return None
    language, roles, default = "", set(), False
    for word in stem[len(film_stem) + 1 :].split("."):
        flag = word.lower()
        if flag in _FLAGS and not (flag == "hi" and not language):
            roles.add(_FLAGS[flag])
        elif flag == DEFAULT_WORD:
            default = True
        elif not language and _LANGUAGE.fullmatch(word):
            language = language_tag(word.replace("_", "-"))
        else:
            return None
    return SidecarName(language or UNDETERMINED, frozenset(roles), default)
