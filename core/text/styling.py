"""Where ASS puts text on the screen, as settings of WebVTT; SRT borrows its tags."""

from typing import Final

_ACROSS: Final = {1: "start", 2: "", 0: "end"}
_DOWN: Final = {0: "", 1: "line:50%,center", 2: "line:0"}


def alignment_settings(place: int) -> str:
    """Give the settings of a place numbered like a numeric keypad: 2 is below in the middle.

    Below in the middle is where WebVTT shows what has no settings.
    """
    if not 1 <= place <= 9:
        return ""
    across = _ACROSS[place % 3]
    return " ".join(filter(None, (_DOWN[(place - 1) // 3], across and f"align:{across}")))
