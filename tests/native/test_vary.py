"""The variant that a request chooses, against `core.http.vary`, which defines it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.http.cache_key import CacheKey
from core.http.fields import Headers
from core.http.vary import variant
from edge.forks import plane_key
from native import _http, scan_head
from native.values import RequestHead

RESOURCE = "/media/p_1/master.m3u8?a=1"
NAMES = ("accept-encoding", "accept-language", "x")
names = st.lists(st.sampled_from(NAMES), unique=True).map(sorted).map(tuple)
written = st.sampled_from(
    ["Accept-Encoding", "ACCEPT-language", "accept-language", "X", "x", "x-other", "accept"]
)
values = st.text(", \tabé", max_size=8)
lines = st.lists(st.tuples(written, values), max_size=6)


def head_of(fields: list[tuple[str, str]]) -> bytes:
    text = "".join(f"{name}:{value}\r\n" for name, value in fields)
    return f"GET / HTTP/1.1\r\nHost: a\r\n{text}\r\n".encode()


def read_fields(head: bytes) -> Headers:
    scanned = scan_head(head)
    assert isinstance(scanned, RequestHead)
    return tuple((name.decode(), value.decode()) for name, value in scanned.fields)


@settings(max_examples=1500)
@given(lines, names)
@example([("X", ""), ("X", "")], ("x",))
@example([("X", " a ,\t b , ,"), ("x", " , c d")], ("x",))
def test_requests_choose_what_the_core_says(
    fields: list[tuple[str, str]], chosen_by: tuple[str, ...]
) -> None:
    head = head_of(fields)
    expected = CacheKey(RESOURCE, variant(chosen_by, read_fields(head)))
    found = _http.variant_key(head, RESOURCE.encode(), "\n".join(chosen_by).encode())
    assert found == plane_key(expected)


def test_what_is_too_long_is_left_to_python() -> None:
    value = "x" * 8000
    head = head_of([("X", value), ("X", value), ("X", value)])
    assert _http.variant_key(head, b"/x", b"x") is None


def test_only_a_head_chooses() -> None:
    with pytest.raises(ValueError, match="head"):
        _http.variant_key(b"GET", b"/x", b"x")
