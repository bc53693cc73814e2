import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.conditional import (
    Evaluation,
    Preconditions,
    Validators,
    evaluate,
    if_range_holds,
    parse_etags,
)

NOW = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW_S = 784111777
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
STRONG = Validators('"a"', NOW_S)
WEAK = Validators('W/"a"', NOW_S)
NONE = Validators()

GO, SAME, FAIL = Evaluation.PROCEED, Evaluation.NOT_MODIFIED, Evaluation.FAILED

# RFC 9110 §13.1 and, for the order, §13.2.2
CASES = [
    (Preconditions(), STRONG, GO),
    (Preconditions(if_none_match='"a"'), STRONG, SAME),
    (Preconditions(if_none_match='W/"a"'), STRONG, SAME),
    (Preconditions(if_none_match='"a"'), WEAK, SAME),
    (Preconditions(if_none_match='"b", "a"'), STRONG, SAME),
    (Preconditions(if_none_match='"b"'), STRONG, GO),
    (Preconditions(if_none_match="*"), STRONG, SAME),
    (Preconditions(if_none_match='"a"'), NONE, GO),
    (Preconditions(if_none_match="a"), STRONG, GO),
    (Preconditions(if_match='"a"'), STRONG, GO),
    (Preconditions(if_match='"b", "a"'), STRONG, GO),
    (Preconditions(if_match='W/"a"'), STRONG, FAIL),
    (Preconditions(if_match='W/"a"'), WEAK, FAIL),
    (Preconditions(if_match='"b"'), STRONG, FAIL),
    (Preconditions(if_match="*"), STRONG, GO),
    (Preconditions(if_match='"a"'), NONE, FAIL),
    (Preconditions(if_modified_since=NOW), STRONG, SAME),
    (Preconditions(if_modified_since=LATER), STRONG, SAME),
    (Preconditions(if_modified_since=EARLIER), STRONG, GO),
    (Preconditions(if_modified_since="yesterday"), STRONG, GO),
    (Preconditions(if_modified_since=NOW), NONE, GO),
    (Preconditions(if_unmodified_since=NOW), STRONG, GO),
    (Preconditions(if_unmodified_since=EARLIER), STRONG, FAIL),
    (Preconditions(if_unmodified_since="yesterday"), STRONG, GO),
    (Preconditions(if_unmodified_since=EARLIER), NONE, GO),
    # If-Match comes before If-Unmodified-Since, which is then not looked at
    (Preconditions(if_match='"a"', if_unmodified_since=EARLIER), STRONG, GO),
    # If-None-Match comes before If-Modified-Since, which is then not looked at
    (Preconditions(if_none_match='"b"', if_modified_since=NOW), STRONG, GO),
    (Preconditions(if_none_match='"a"', if_modified_since=EARLIER), STRONG, SAME),
    # a failed If-Match comes before a matching If-None-Match
    (Preconditions(if_match='"b"', if_none_match='"a"'), STRONG, FAIL),
]


@pytest.mark.parametrize(("request_", "current", "expected"), CASES)
def test_preconditions_in_the_order_of_the_rfc(
    request_: Preconditions, current: Validators, expected: Evaluation
) -> None:
    assert evaluate("GET", request_, current) is expected
    assert evaluate("HEAD", request_, current) is expected


def test_an_unsafe_method_fails_where_a_safe_one_is_not_modified() -> None:
    assert evaluate("PUT", Preconditions(if_none_match="*"), STRONG) is FAIL
    assert evaluate("PUT", Preconditions(if_modified_since=NOW), STRONG) is GO


IF_RANGE = [
    ('"a"', STRONG, True),
    ('"b"', STRONG, False),
    ('W/"a"', STRONG, False),
    ('W/"a"', WEAK, False),
    ('"a"', WEAK, False),
    ('"a"', NONE, False),
    (NOW, STRONG, True),
    (EARLIER, STRONG, False),
    (LATER, STRONG, False),
    (NOW, NONE, False),
    ("garbage", STRONG, False),
    ("", NONE, False),
    (NOW, Validators('"a"', NOW_S, weak_date=True), False),
    ('"a"', Validators('"a"', NOW_S, weak_date=True), True),
]


@pytest.mark.parametrize(("field", "current", "holds"), IF_RANGE)
def test_if_range_takes_a_strong_tag_or_the_exact_date(
    field: str, current: Validators, holds: bool
) -> None:
    assert if_range_holds(field, current) is holds


TAGS = [
    ('"a"', ('"a"',)),
    ('"a", W/"b" ,"c"', ('"a"', 'W/"b"', '"c"')),
    (', ,"a",,', ('"a"',)),
    ('"a,b", "c"', ('"a,b"', '"c"')),
    ('""', ('""',)),
    ('"a" "b"', ()),
    ('"a", b, "c"', ('"a"',)),
    ("w/" + '"a"', ()),
    ('"a', ()),
    ("", ()),
]


@pytest.mark.parametrize(("field", "tags"), TAGS)
def test_lists_of_tags_are_read_up_to_the_first_thing_that_is_none(
    field: str, tags: tuple[str, ...]
) -> None:
    assert parse_etags(field) == tags


@given(st.lists(st.from_regex(r'\A(W/)?"[!#-~]{0,8}"\Z'), max_size=10))
def test_what_is_listed_is_read_back(tags: list[str]) -> None:
    assert parse_etags(", ".join(tags)) == tuple(tags)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    parse_etags(text)
    if_range_holds(text, STRONG)
