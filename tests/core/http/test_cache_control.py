import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.cache_control import (
    delta_seconds,
    parse_cache_control,
    parse_targeted,
    response_directives,
)

CASES: list[tuple[str, dict[str, str | None]]] = [
    ("max-age=60", {"max-age": "60"}),
    ("Public, MAX-AGE=60", {"public": None, "max-age": "60"}),
    ('max-age="60"', {"max-age": "60"}),
    ("max-age=60,max-age=90", {"max-age": "60"}),
    ('no-cache="Set-Cookie, X-A", public', {"no-cache": "Set-Cookie, X-A", "public": None}),
    ('ext="a\\"b"', {"ext": 'a"b'}),
    (", ,public,,", {"public": None}),
    ("=5, public", {"public": None}),
    ("", {}),
]


@pytest.mark.parametrize(("field", "directives"), CASES)
def test_directives_are_read(field: str, directives: dict[str, str | None]) -> None:
    assert parse_cache_control(field) == directives


@pytest.mark.parametrize("field", ["max-age =60", "max-age=60 x", "max-age", "max-age=1.5"])
def test_a_lifetime_that_cannot_be_read_is_none_at_all(field: str) -> None:
    assert delta_seconds(parse_cache_control(field), "max-age") == 0


def test_a_directive_is_seen_although_its_argument_is_broken() -> None:
    assert "private" in parse_cache_control('private="never closed, public')


def test_a_huge_lifetime_is_cut_and_a_negative_one_is_zero() -> None:
    assert delta_seconds({"max-age": "9" * 5000}, "max-age") == 2**31
    assert delta_seconds({"max-age": "-5"}, "max-age") == 0
    assert delta_seconds({}, "max-age") is None


TARGETED: list[tuple[str, dict[str, str | None] | None]] = [
    ("max-age=60, must-revalidate", {"max-age": "60", "must-revalidate": None}),
    ("max-age=60;ext=1 , no-store=?0", {"max-age": "60"}),
    ("no-store=?1", {"no-store": None}),
    ("max-age=60, max-age=90", {"max-age": "90"}),
    ("Max-Age=60", None),
    ("max-age=60,", None),
    ("60", None),
    ("max-age=60 no-store", None),
    ("", None),
]


@pytest.mark.parametrize(("field", "directives"), TARGETED)
def test_a_targeted_field_is_a_structured_dictionary_or_nothing(
    field: str, directives: dict[str, str | None] | None
) -> None:
    assert parse_targeted(field) == directives


def test_a_targeted_field_replaces_cache_control_and_a_broken_one_does_not() -> None:
    ours = ("CDN-Cache-Control", "max-age=5")
    theirs = ("Cache-Control", "no-store")
    assert response_directives((theirs, ours)) == ({"max-age": "5"}, True)
    broken = ("CDN-Cache-Control", "max-age=5,,")
    assert response_directives((theirs, broken)) == ({"no-store": None}, False)


def test_the_field_for_us_alone_comes_before_that_for_all_edges() -> None:
    ours = ("Sluice-Origin-Cache-Control", "max-age=5")
    edges = ("CDN-Cache-Control", "max-age=600")
    assert response_directives((edges, ours)) == ({"max-age": "5"}, True)
    broken = ("Sluice-Origin-Cache-Control", "max-age=5,,")
    assert response_directives((edges, broken)) == ({"max-age": "600"}, True)


def test_several_field_lines_are_one_list() -> None:
    lines = (("Cache-Control", "public"), ("cache-control", "max-age=5"))
    assert response_directives(lines) == ({"public": None, "max-age": "5"}, False)


@given(st.text(alphabet='ab=,"\\ ;?0') | st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    parse_cache_control(text)
    parse_targeted(text)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ['"\\' * 50_000, 'a="' * 50_000, "a;b=1" * 50_000, "a=1," * 50_000]
)
def test_hostile_text_is_read_in_no_time(text: str) -> None:
    parse_cache_control(text)
    parse_targeted(text)
