"""The surrogate keys by which edges forget what is answered of a title."""

from collections.abc import Sequence

from origin.delivery.representation import playback_key
from origin.repository import Title


def title_keys(title: Title) -> tuple[str, ...]:
    """Of all that a title has: its own keys, and those of what it was made from."""
    films = (f"video:{video_id}" for video_id, _ in title.films)
    return (f"video:{title.video_id}", playback_key(_bare(title)), *films)


def manifest_keys(title: Title) -> Sequence[str]:
    """Of what says what a title has: it changes with what the title was made from."""
    names = (_bare(title), *(name for _, name in title.films))
    return [f"manifest:{name}" for name in names]


def _bare(title: Title) -> str:
    return title.base_id or title.playback_id
