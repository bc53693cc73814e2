"""Request heads: what is read, what is refused, and that both twins agree on any bytes."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native import RequestHead, _http
from native.reference import head as reference

Scan = Callable[[bytes], RequestHead | int | None]
TWINS: dict[str, Scan] = {"compiled": _http.scan_head, "reference": reference.scan_head}


@pytest.fixture(params=list(TWINS))
def scan(request: pytest.FixtureRequest) -> Scan:
    return TWINS[request.param]


def head(*lines: str, first: str = "GET /media/x HTTP/1.1", host: str = "Host: a") -> bytes:
    return "\r\n".join([first, *([host] if host else []), *lines, "", ""]).encode("latin-1")


def test_a_head_is_read_as_it_stands(scan: Scan) -> None:
    data = head("X-A:  b c\t", "Empty:", first="PURGE /a?b=c HTTP/1.1") + b"rest"
    assert scan(data) == RequestHead(
        len(data) - 4,
        b"PURGE",
        b"/a?b=c",
        1,
        ((b"Host", b"a"), (b"X-A", b"b c"), (b"Empty", b"")),
        keep_alive=True,
        chunked=False,
        content_length=None,
    )


@pytest.mark.parametrize(
    ("data", "keeps"),
    [
        (head(), True),
        (head("Connection: close"), False),
        (head("Connection: keep-alive, Close"), False),
        (head("Connection: x", "connection: close"), False),
        (head(first="GET / HTTP/1.0"), False),
        (head("Connection: Keep-Alive", first="GET / HTTP/1.0"), True),
        (head(first="GET / HTTP/1.0", host=""), False),
    ],
)
def test_whether_a_connection_is_kept(scan: Scan, data: bytes, keeps: bool) -> None:
    found = scan(data)
    assert isinstance(found, RequestHead)
    assert found.keep_alive is keeps


def test_bodies_are_framed(scan: Scan) -> None:
    length, chunked = scan(head("Content-Length: 007")), scan(head("Transfer-Encoding: Chunked"))
    assert isinstance(length, RequestHead)
    assert isinstance(chunked, RequestHead)
    assert (length.content_length, length.chunked) == (7, False)
    assert (chunked.content_length, chunked.chunked) == (None, True)


REFUSED = [
    (b"nonsense\r\n", 400),
    (b" GET / HTTP/1.1\r\n", 400),
    (b"GET  / HTTP/1.1\r\n", 400),
    (b"GET / HTTP/1.1 \r\n", 400),
    (b"GET /\r\n", 400),
    (b"GET /\xe9 HTTP/1.1\r\n", 400),
    (b"GET /\x00 HTTP/1.1\r\n", 400),
    (b"GET / http/1.1\r\n", 400),
    (b"GET / HTTP/1.1\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    (b"\r\n\r\nGET / HTTP/1.1\r\n", 400),
    (b"GET / HTTP/2.0\r\n", 505),
    (b"GET / HTTP/1.2\r\n", 505),
    (b"G" * 33 + b" / HTTP/1.1\r\n", 501),
    (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n", 414),
    (b"GET /" + b"a" * 9000, 414),
    (head("X: " + "x" * 40000), 431),
    (head(*["X: y"] * 100), 431),
    (head("broken"), 400),
    (head("X : y"), 400),
    (head(": y"), 400),
    (head(" X: folded"), 400),
    (head("X: a", "\tfolded"), 400),
    (head("X: a\x00b"), 400),
    (head("X: a\x7fb"), 400),
    (head("X: a\rb"), 400),
    (head("Content-Length: 1", "Content-Length: 1"), 400),
    (head("Content-Length: 1", "Transfer-Encoding: chunked"), 400),
    (head("Content-Length: +1"), 400),
    (head("Content-Length: 1, 1"), 400),
    (head("Content-Length:"), 400),
    (head("Content-Length: " + "9" * 19), 413),
    (head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    (head("Transfer-Encoding: gzip, chunked"), 501),
    (head("Transfer-Encoding: chunked", first="POST / HTTP/1.0"), 400),
    (head(host=""), 400),
    (head("Host: b"), 400),
    (head(host="Host: a/b"), 400),
    (head(host="Host: a b"), 400),
    (head(host="Host: me@a"), 400),
]


@pytest.mark.parametrize(("data", "status"), REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(scan: Scan, data: bytes, status: int) -> None:
    assert scan(data) == status


@pytest.mark.parametrize("data", [data for data, _ in REFUSED] + [head("X: y")])
def test_a_head_that_arrives_byte_by_byte_ends_the_same(scan: Scan, data: bytes) -> None:
    step = max(1, len(data) // 500)
    found: RequestHead | int | None = None
    for end in [*range(0, len(data), step), len(data)]:
        if (found := scan(data[:end])) is not None:
            break
    whole = scan(data)
    assert isinstance(found, int) == isinstance(whole, int)


pieces = st.lists(
    st.sampled_from(
        [b"GET", b"POST", b" ", b"/", b"/media/x", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\r", b"\n",
         b"Host", b":", b"a", b"Content-Length", b"Transfer-Encoding", b"chunked", b"Connection",
         b"close", b"keep-alive", b",", b"1", b"0", b"\t", b"\x00", b"\xff", b"Range", b"X" * 900,
         b"GET / HTTP/1.1\r\nHost: a\r\n", b": ", b"\r\n\r\n"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@settings(max_examples=600)
@given(pieces | st.binary(max_size=200))
@example(b"\r\n")
@example(b"\r")
@example(b"")
def test_the_twins_agree_on_any_bytes(data: bytes) -> None:
    assert _http.scan_head(data) == reference.scan_head(data)


@given(st.sampled_from(REFUSED), st.integers(0, 40000), st.binary(max_size=3))
def test_the_twins_agree_on_spoiled_heads(
    case: tuple[bytes, int], place: int, spoil: bytes
) -> None:
    data = case[0][: place % (len(case[0]) + 1)] + spoil + case[0][place % (len(case[0]) + 1) :]
    assert _http.scan_head(data) == reference.scan_head(data)
