"""Advanced SubStation Alpha and SubStation Alpha: what WebVTT can hold of them.

Kept are words, line breaks, bold, italic, underline, and the nine places of the screen. Fonts,
colours, movement and drawings are not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.text.cues import Cue, TextDocument, check_count, check_cue, document, joined
from core.text.faults import MalformedText
from core.text.markup import TAGS, Run, payload, unix_lines
from core.text.styling import alignment_settings

# Blanks of its own line alone: of empty ones there may be millions, and each begins a line.
_SECTION = re.compile(
    r"^[^\S\n]*\[(?:Script Info|Events|V4\+? Styles)\]", re.IGNORECASE | re.MULTILINE
)
_TIME = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2})(?:[.:,]([0-9]{1,3}))?")
_OVERRIDE = re.compile(r"\{([^{}]*)\}|\\([Nnh])")
_CODE = re.compile(
    r"\\(?:(?P<tag>[biu])(?P<value>[0-9]{0,3})(?![a-zA-Z])|an(?P<an>[1-9])|a(?P<a>[0-9]{1,2})(?![a-zA-Z])"
    r"|p(?P<drawing>[0-9]{1,2})(?![a-zA-Z])|r(?P<reset>[^\\]*))"
)
_EVENT_FIELDS: Final = (
    "layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text",
)  # fmt: skip
PACKET_FIELDS: Final = 9
"""In Matroska the times are the block's, and ReadOrder stands before the layer."""
_STYLE_FIELDS: Final = (
    "name", "fontname", "fontsize", "primarycolour", "secondarycolour", "outlinecolour",
    "backcolour", "bold", "italic", "underline", "strikeout", "scalex", "scaley", "spacing",
    "angle", "borderstyle", "outline", "shadow", "alignment",
)  # fmt: skip
_OLD_PLACES: Final = {1: 1, 2: 2, 3: 3, 5: 7, 6: 8, 7: 9, 9: 4, 10: 5, 11: 6}
NO_SMART_WRAP: Final = "2"
MOST_STYLES: Final = 4096


@dataclass(frozen=True, slots=True)
class AssStyle:
    """What of a style is kept: some of `TAGS`, and a place like that of a numeric keypad."""

    tags: frozenset[str] = frozenset()
    place: int = 2


@dataclass(slots=True)
class AssScript:
    r"""What the lines before the events say. `soft_breaks` says that `\n` breaks a line."""

    styles: dict[str, AssStyle] = field(default_factory=dict)
    event_fields: Sequence[str] = _EVENT_FIELDS
    soft_breaks: bool = False

    def style(self, name: str) -> AssStyle:
        """Give a style by name; the default one where there is none."""
        known = self.styles.get(name.lstrip("*"))
        return known or self.styles.get("Default") or AssStyle()


def is_ass(text: str) -> bool:
    """Tell whether a text has the sections of a script."""
    return _SECTION.search(text) is not None


def parse_ass(text: str) -> TextDocument:
    """Read a file. Raises `MalformedText`, which names the line."""
    script = AssScript()
    cues: list[Cue] = []
    for number, kind, value in _entries(text, script):
        if kind == "dialogue":
            cues.append(_dialogue(script, number, value))
            check_count(number, len(cues))
    if not cues:
        raise MalformedText(0, "there is no Dialogue line in it")
    return document(joined(cues))


def read_script(header: str) -> AssScript:
    """Read the lines before the events, as Matroska keeps them apart from these."""
    script = AssScript()
    for _ in _entries(header, script):
        pass
    return script


def packet_payload(script: AssScript, data: str) -> tuple[str, str]:
    """Give payload and settings of an event of Matroska.

    Raises `MalformedText` where fields are missing.
    """
    fields = data.split(",", PACKET_FIELDS - 1)
    if len(fields) < PACKET_FIELDS:
        raise MalformedText(0, f"an event has {len(fields)} fields of {PACKET_FIELDS}")
    return ass_payload(script, fields[2].strip(), fields[-1])


def ass_payload(script: AssScript, style_name: str, text: str) -> tuple[str, str]:
    """Give an event's text as a payload and as settings of WebVTT."""
    state = _State(script, script.style(style_name))
    runs: list[Run] = []
    at = 0
    for token in _OVERRIDE.finditer(text):
        runs.append(state.run(text[at : token.start()]))
        at = token.end()
        if token[2] is not None:
            runs.append(state.run(_break(token[2], soft_breaks=script.soft_breaks)))
            continue
        for code in _CODE.finditer(token[1]):
            state.apply(code)
    runs.append(state.run(text[at:]))
    return payload(runs), alignment_settings(state.place)


class _State:
    """How the text is shown that comes next."""

    def __init__(self, script: AssScript, base: AssStyle) -> None:
        self._script = script
        self._base = base
        self._tags = base.tags
        self._is_drawing = False
        self.place = base.place

    def run(self, text: str) -> Run:
        """Give text in the present style; what is drawn is no text."""
        return Run("" if self._is_drawing else text, self._tags)

    def apply(self, code: re.Match[str]) -> None:
        """Take one override. One without a value goes back to the style's own."""
        if tag := code["tag"]:
            is_on = code["value"] not in {"", "0"} or (not code["value"] and tag in self._base.tags)
            self._tags = self._tags | {tag} if is_on else self._tags - {tag}
        elif code["an"]:
            self.place = int(code["an"])
        elif code["a"]:
            self.place = _OLD_PLACES.get(int(code["a"]), self.place)
        elif code["drawing"]:
            self._is_drawing = code["drawing"].strip("0") != ""
        elif code["reset"] is not None:
            style = self._script.style(code["reset"]) if code["reset"] else self._base
            self._tags = style.tags


def _break(letter: str, *, soft_breaks: bool) -> str:
    if letter == "h":
        return "\N{NO-BREAK SPACE}"
    return "\n" if letter == "N" or soft_breaks else " "


def _entries(text: str, script: AssScript) -> Iterator[tuple[int, str, str]]:
    """Give number, kind and value of the lines of the events; what stands before fills `script`."""
    section = ""
    style_fields: Sequence[str] = _STYLE_FIELDS
    for number, line in enumerate(unix_lines(text).split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1].lower()
            continue
        kind, colon, value = stripped.partition(":")
        kind, value = kind.strip().lower(), value.strip()
        if not colon or stripped.startswith((";", "!")):
            continue
        if section == "script info" and kind == "wrapstyle":
            script.soft_breaks = value == NO_SMART_WRAP
        elif section.endswith("styles") and kind == "format":
            style_fields = _names(value)
        elif section.endswith("styles") and kind == "style" and len(script.styles) < MOST_STYLES:
            values = [each.strip() for each in value.split(",")]
            named = dict(zip(style_fields, values, strict=False))
            script.styles[named.get("name", "").lstrip("*")] = _style(
                named, is_old=section == "v4 styles"
            )
        elif section == "events" and kind == "format":
            script.event_fields = _names(value)
        elif section == "events":
            yield number, kind, value


def _names(value: str) -> list[str]:
    return [name.strip().lower() for name in value.split(",")]


def _style(named: Mapping[str, str], *, is_old: bool) -> AssStyle:
    words = {"b": "bold", "i": "italic", "u": "underline"}
    tags = frozenset(tag for tag in TAGS if named.get(words[tag], "0") not in {"", "0"})
    given = named.get("alignment", "2")
    place = int(given) if re.fullmatch("[0-9]{1,2}", given) else 2
    if is_old:
        place = _OLD_PLACES.get(place, 2)
    return AssStyle(tags, place if 1 <= place <= 9 else 2)


def _dialogue(script: AssScript, number: int, value: str) -> Cue:
    names = script.event_fields
    fields = value.split(",", len(names) - 1)
    if len(fields) < len(names):
        raise MalformedText(number, f"the event has {len(fields)} fields of {len(names)}")
    named = dict(zip(names, fields, strict=True))
    start_ms, end_ms = (_time(number, named.get(name, "")) for name in ("start", "end"))
    style = named.get("style", "").strip()
    shown, settings = ass_payload(script, style, named.get("text", ""))
    check_cue(number, start_ms, end_ms, shown)
    return Cue(start_ms, end_ms, shown, settings)


def _time(number: int, text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise MalformedText(number, f"{text.strip()[:40]!r} is no time of ASS, such as 0:01:02.34")
    hours, minutes, seconds = (int(part) for part in found.groups()[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((found[4] or "0").ljust(3, "0"))
