import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.chunked import ChunkedBody
from core.http.response_head import MalformedResponse

CODED = b'5;name="v"\r\nhello\r\n1 \r\n!\r\n00\r\nTrailer: x\r\nOther: y\r\n\r\n'


def test_a_body_is_the_same_whole_and_byte_by_byte() -> None:
    whole, single = ChunkedBody(), ChunkedBody()
    assert b"".join(whole.feed(CODED + b"next")) == b"hello!"
    assert (whole.ended, whole.rest) == (True, b"next")
    pieces = [piece for byte in CODED for piece in single.feed(bytes([byte]))]
    assert b"".join(pieces) == b"hello!"
    assert single.ended


BROKEN = [
    b"x\r\n",
    b"\r\n",
    b"-1\r\n",
    b"0x5\r\nhello\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello!\r\n",
    b"5\r\nhello\n",
    b"1000000000000000\r\n",
    b"5;" + b"x" * 5000 + b"\r\n",
    b"0\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
]


@pytest.mark.parametrize("coded", BROKEN)
def test_what_is_not_chunked_is_refused(coded: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ChunkedBody().feed(coded)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.integers(1, 40))
def test_what_was_coded_comes_back(chunks: list[bytes], step: int) -> None:
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    body = ChunkedBody()
    pieces = [p for at in range(0, len(coded), step) for p in body.feed(coded[at : at + step])]
    assert b"".join(pieces) == b"".join(chunks)
    assert body.ended


@given(st.binary(max_size=200))
def test_any_bytes_are_a_body_or_a_fault(data: bytes) -> None:
    with contextlib.suppress(MalformedResponse):
        assert len(b"".join(ChunkedBody().feed(data))) <= len(data)
