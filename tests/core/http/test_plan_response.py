from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.byterange import ByteSpan, UnsatisfiableRange
from core.http.conditional import FailedPrecondition
from core.http.plan_response import (
    RepresentationFacts,
    RequestFacts,
    ResponsePlan,
    is_settled,
    plan_response,
)

FILM = RepresentationFacts(1000, '"v1"', 784111777, "video/mp4")
BODY = bytes(range(250)) * 4


def sent(plan: ResponsePlan, body: bytes = BODY) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else body[piece.start : piece.stop]
        for piece in plan.pieces()
    )


def test_a_plain_get_is_the_whole_with_its_validators() -> None:
    plan = plan_response(RequestFacts(), FILM)
    assert (plan.status, plan.content_length, sent(plan)) == (200, 1000, BODY)
    assert dict(plan.headers) == {
        "Content-Type": "video/mp4",
        "Accept-Ranges": "bytes",
        "ETag": '"v1"',
        "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
    }


def test_head_has_the_length_of_get_and_no_parts() -> None:
    plan = plan_response(RequestFacts("HEAD", range="bytes=0-1"), FILM)
    assert (plan.status, plan.content_length, plan.parts) == (200, 1000, ())


def test_one_range_is_sent_bare() -> None:
    plan = plan_response(RequestFacts(range="bytes=10-19"), FILM)
    assert (plan.status, plan.content_length, sent(plan)) == (206, 10, BODY[10:20])
    assert dict(plan.headers)["Content-Range"] == "bytes 10-19/1000"
    assert dict(plan.headers)["Content-Type"] == "video/mp4"


def test_several_ranges_are_a_multipart_that_any_parser_reads() -> None:
    plan = plan_response(RequestFacts(range="bytes=500-509,0-4"), FILM)
    body = sent(plan)
    assert (plan.status, plan.content_length) == (206, len(body))
    headers = dict(plan.headers)
    assert "Content-Range" not in headers
    message = message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part["Content-Range"] for part in parts] == ["bytes 500-509/1000", "bytes 0-4/1000"]
    assert {part.get_content_type() for part in parts} == {"video/mp4"}


def test_the_same_question_has_the_same_boundary() -> None:
    asked = RequestFacts(range="bytes=0-1,5-6")
    assert plan_response(asked, FILM) == plan_response(asked, FILM)
    other = RepresentationFacts(1000, '"v2"')
    assert plan_response(asked, FILM).framing[-1] != plan_response(asked, other).framing[-1]


def test_an_unsatisfiable_range_says_the_length() -> None:
    plan = plan_response(RequestFacts(range="bytes=1000-"), FILM)
    assert (plan.status, plan.parts) == (416, ())
    assert dict(plan.headers)["Content-Range"] == "bytes */1000"
    assert isinstance(plan.fault, UnsatisfiableRange)


def test_a_304_has_validators_and_no_length() -> None:
    plan = plan_response(RequestFacts(if_none_match='"v1"'), FILM)
    assert (plan.status, plan.content_length, plan.parts) == (304, None, ())
    assert dict(plan.headers)["ETag"] == '"v1"'


def test_a_failed_precondition_comes_before_the_range() -> None:
    plan = plan_response(RequestFacts(range="bytes=1000-", if_match='"v2"'), FILM)
    assert plan.status == 412
    assert isinstance(plan.fault, FailedPrecondition)


@pytest.mark.parametrize(
    ("if_range", "status"), [('"v1"', 206), ('"v2"', 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 206)]
)
def test_if_range_decides_between_part_and_whole(if_range: str, status: int) -> None:
    plan = plan_response(RequestFacts(range="bytes=0-9", if_range=if_range), FILM)
    assert plan.status == status


def test_if_range_without_range_means_nothing() -> None:
    assert plan_response(RequestFacts(if_range='"v2"'), FILM).status == 200


def test_an_empty_representation_has_no_parts() -> None:
    plan = plan_response(RequestFacts(), RepresentationFacts(0))
    assert (plan.status, plan.content_length, plan.parts, plan.headers) == (
        200,
        0,
        (),
        (("Accept-Ranges", "bytes"),),
    )


fields = st.none() | st.text() | st.from_regex(r"\Abytes=(\d{0,3}-\d{0,3},?){1,6}\Z")


@given(
    st.builds(
        RequestFacts,
        st.sampled_from(["GET", "HEAD"]),
        fields,
        st.none() | st.sampled_from(['"v1"', '"v2"']),
        st.none() | st.sampled_from(['"v1"', "*"]),
        st.none() | st.sampled_from(['"v2"', '"v3"']),
    ),
    st.integers(0, 1000),
)
def test_the_length_announced_is_the_length_sent(request_: RequestFacts, length: int) -> None:
    plan = plan_response(request_, RepresentationFacts(length, '"v1"', None, "video/mp4"))
    pieces = list(plan.pieces())
    total = sum(len(p) if isinstance(p, bytes) else p.length for p in pieces)
    if request_.method == "GET":
        assert total == (plan.content_length or 0)
    else:
        assert total == 0
    spans = [piece for piece in pieces if isinstance(piece, ByteSpan)]
    assert tuple(spans) == plan.parts
    assert all(0 <= span.start < span.stop <= length for span in spans)


@pytest.mark.parametrize(
    ("request_facts", "settled"),
    [
        (RequestFacts(), False),
        (RequestFacts("HEAD"), False),
        (RequestFacts(if_none_match='"v1"'), True),
        (RequestFacts("HEAD", if_none_match='"v0", W/"v1"'), True),
        (RequestFacts(if_none_match='"v0"', range="bytes=0-1"), False),
        (RequestFacts(if_match='"v0"'), True),
        (RequestFacts(if_match='"v1"', range="bytes=9999-"), False),
    ],
)
def test_an_answer_is_settled_where_the_preconditions_leave_no_body(
    request_facts: RequestFacts, settled: bool
) -> None:
    assert is_settled(request_facts, FILM.etag) is settled
    without_date = RepresentationFacts(FILM.length, FILM.etag)
    status = plan_response(request_facts, without_date).status
    assert (status in {304, 412}) is settled
