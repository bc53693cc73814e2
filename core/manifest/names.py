"""The names under which a viewer chooses: manifests can hold them, and no two in a group agree."""

from collections.abc import Collection

from core.media.language import UNDETERMINED, language_tag
from core.media.roles import TrackRole, role_words


def choice_name(label: str, language: str, roles: frozenset[TrackRole], otherwise: str) -> str:
    """Name a choice by label or language and what it is for."""
    tag = language_tag(language)
    name = shown(label) or (tag if tag != UNDETERMINED else otherwise)
    words = role_words(roles)
    return f"{name} ({words})" if words and words.lower() not in name.lower() else name


def shown(text: str) -> str:
    """Give a text as a quoted-string of HLS can hold it (RFC 8216bis §4.2), without blanks around.

    Whether names agree is asked of these: what is replaced would tell them apart no more.
    """
    return printable(text).replace('"', "'").strip()


def printable(text: str) -> str:
    """Replace what a line of text or XML 1.0 (§2.2) cannot hold at all, escaped or not."""
    return "".join(character if character.isprintable() else " " for character in text)


def unlike(name: str, taken: Collection[str]) -> str:
    """Give a name that is not taken, by a number where it has to be."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} {number}", number + 1
    return candidate
