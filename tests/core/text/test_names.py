"""What the name of a file of subtitles says."""

import pytest

from core.media.roles import TrackRole
from core.text.names import SidecarName, read_sidecar_name

FORCED, CAPTIONS = frozenset({TrackRole.FORCED}), frozenset({TrackRole.CAPTIONS})


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("film", SidecarName()),
        ("film.en", SidecarName("en")),
        ("film.eng.forced", SidecarName("en", FORCED)),
        ("film.de.SDH", SidecarName("de", CAPTIONS)),
        ("film.forced.fr", SidecarName("fr", FORCED)),
        ("film.pt-BR.default", SidecarName("pt-BR", default=True)),
        ("film.hi", SidecarName("hi")),
        ("film.en.hi", SidecarName("en", CAPTIONS)),
        ("film.default", SidecarName(default=True)),
        ("film.2.en", None),
        ("film2", None),
        ("other.en", None),
        ("film.director's cut", None),
    ],
)
def test_names(stem: str, name: SidecarName | None) -> None:
    assert read_sidecar_name(stem, "film") == name


def test_a_film_whose_name_has_dots_keeps_them() -> None:
    assert read_sidecar_name("a.b.c.en", "a.b.c") == SidecarName("en")
