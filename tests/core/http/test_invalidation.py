import pytest

from core.http.invalidation import invalidated
from core.http.target import read_target

ITEM = read_target("/items/5?x=1")
KNOWN = {"app.example", "127.0.0.1:3000"}


@pytest.mark.parametrize(
    ("method", "status", "untrue"),
    [
        ("POST", 200, True),
        ("PUT", 204, True),
        ("DELETE", 303, True),
        ("FROBNICATE", 200, True),
        ("POST", 404, False),
        ("POST", 500, False),
        ("GET", 200, False),
        ("HEAD", 200, False),
        ("OPTIONS", 200, False),
    ],
)
def test_an_unsafe_request_that_succeeded_makes_its_target_untrue(
    method: str, status: int, *, untrue: bool
) -> None:
    found = invalidated(method, status, ITEM, (), KNOWN)
    assert found == ({"/items/5?x=1"} if untrue else set())


# RFC 9111 §4.4: only what has the same origin
NAMED = [
    ("/items/6", "/items/6"),
    ("6", "/items/6"),
    ("?y=2", "/items/5?y=2"),
    ("http://app.example/items/6", "/items/6"),
    ("https://APP.example/items/6#top", "/items/6"),
    ("//127.0.0.1:3000/items/6", "/items/6"),
    ("http://other.example/items/6", None),
    ("//other.example/items/6", None),
    ("http://app.example@other.example/items/6", None),
    ("http://[broken", None),
    ("/media/../items/6", "/items/6"),
    ("/media/%2e%2e%2fitems", None),
    ("/" + "x" * 9000, None),
]


@pytest.mark.parametrize("field", ["Location", "Content-Location"])
@pytest.mark.parametrize(("reference", "resource"), NAMED)
def test_what_the_answer_names_is_untrue_too(
    field: str, reference: str, resource: str | None
) -> None:
    found = invalidated("POST", 201, ITEM, ((field, reference),), KNOWN)
    assert found == {"/items/5?x=1"} | ({resource} if resource else set())
