import pytest

from core.http.response_head import (
    LONGEST_HEAD,
    Framing,
    MalformedResponse,
    ResponseHead,
    body_framing,
    head_end,
    read_response_head,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def head(*fields: tuple[str, str], status: int = 200, minor: int = 1) -> ResponseHead:
    return ResponseHead(status, minor, fields)


def test_a_head_is_found_however_it_arrives() -> None:
    stream = OK + b"hello"
    assert head_end(stream) == len(OK)
    for cut in range(len(OK)):
        assert head_end(stream[:cut]) is None
        assert head_end(stream, cut) == len(OK)


def test_a_head_that_never_ends_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="longer"):
        head_end(b"HTTP/1.1 200 OK\r\nX: " + b"x" * LONGEST_HEAD)


READ = [
    (OK, head(("Content-Length", "5"))),
    (b"HTTP/1.0 404 \r\n\r\n", head(status=404, minor=0)),
    (b"HTTP/1.1 200\r\n\r\n", head()),
    (b"HTTP/1.1 200 OK\n\n", head()),
    (b"HTTP/1.1 200 OK\r\nA:\r\nB : x y \r\n\r\n", head(("A", ""), ("B", "x y"))),
    (b"HTTP/1.1 200 OK\r\nA: \xc3\xa9\xff\r\n\r\n", head(("A", "\xe9\udcff"))),
]


@pytest.mark.parametrize(("raw", "expected"), READ)
def test_heads_are_read(raw: bytes, expected: ResponseHead) -> None:
    assert read_response_head(raw) == expected


BROKEN = [
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 banana\r\n\r\n",
    b"HTTP/1.1 99 x\r\n\r\n",
    b"HTTP/1.1 600 x\r\n\r\n",
    b"HTTP/1.1 2000 x\r\n\r\n",
    b"HTTP/1.1 200 O\x00K\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: nameless\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 257 + b"\r\n",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read_response_head(raw)


FRAMED = [
    (head(("Content-Length", "5")), Framing(5)),
    (head(("Content-Length", "5"), ("content-length", "5")), Framing(5)),
    (head(("Content-Length", "5, 5")), Framing(5)),
    (head(("Content-Length", "0")), Framing(0)),
    (head(("Transfer-Encoding", "Chunked")), Framing(chunked=True)),
    (head(), Framing()),
    (head(("Content-Length", "5"), status=304), Framing(0)),
    (head(("Content-Length", "5"), status=204), Framing(0)),
]


@pytest.mark.parametrize(("answer", "expected"), FRAMED)
def test_the_end_of_a_body_is_where_the_head_says(answer: ResponseHead, expected: Framing) -> None:
    assert body_framing("GET", answer) == expected
    assert body_framing("HEAD", answer) == Framing(0)


TWOFOLD = [
    head(("Content-Length", "5"), ("Content-Length", "6")),
    head(("Content-Length", "5, 6")),
    head(("Content-Length", "5,")),
    head(("Content-Length", "+5")),
    head(("Content-Length", "-5")),
    head(("Content-Length", "0x5")),
    head(("Content-Length", "")),
    head(("Content-Length", "5"), ("Transfer-Encoding", "chunked")),
    head(("Transfer-Encoding", "gzip, chunked")),
    head(("Transfer-Encoding", "chunked, chunked")),
    head(("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")),
    head(("Transfer-Encoding", "gzip")),
    head(("Transfer-Encoding", "chunked"), minor=0),
]


@pytest.mark.parametrize("answer", TWOFOLD)
def test_a_length_that_could_be_read_in_two_ways_is_refused(answer: ResponseHead) -> None:
    with pytest.raises(MalformedResponse):
        body_framing("GET", answer)


# RFC 9112 §9.3
KEPT = [
    (head(), True),
    (head(("Connection", "close")), False),
    (head(("Connection", "x, Close")), False),
    (head(minor=0), False),
    (head(("Connection", "Keep-Alive"), minor=0), True),
]


@pytest.mark.parametrize(("answer", "kept"), KEPT)
def test_whether_a_connection_may_be_used_again(answer: ResponseHead, *, kept: bool) -> None:
    assert answer.keep_alive is kept
