import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.byterange import ByteSpan, Outcome, RangeSpec, parse_range, resolve

# RFC 9110 §14.1.2 has these examples for a representation of 10000 bytes.
EXAMPLES = [
    ("bytes=0-499", [(0, 500)]),
    ("bytes=500-999", [(500, 1000)]),
    ("bytes=-500", [(9500, 10000)]),
    ("bytes=9500-", [(9500, 10000)]),
    ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
    ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10000)]),
    ("bytes=500-600,601-999", [(500, 1000)]),
    ("bytes=500-700,601-999", [(500, 1000)]),
]


@pytest.mark.parametrize(("field", "spans"), EXAMPLES)
def test_the_examples_of_the_rfc(field: str, spans: list[tuple[int, int]]) -> None:
    assert resolve(field, 10_000) == tuple(ByteSpan(*span) for span in spans)


CLAMPED = [
    ("bytes=0-99999", (0, 10)),
    ("bytes=5-10", (5, 10)),
    ("bytes=-20", (0, 10)),
    ("bytes=0-" + "9" * 100, (0, 10)),
    ("bytes=9-9", (9, 10)),
]


@pytest.mark.parametrize(("field", "span"), CLAMPED)
def test_a_range_is_clamped_to_the_body(field: str, span: tuple[int, int]) -> None:
    assert resolve(field, 10) == (ByteSpan(*span),)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-0",
        "bytes=0-1,5-4",
        "bytes=0 - 1",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=٣-٤",
        "items=0-1",
        "xbytes=0-1",
        "bytes=0-1;q=1",
        "bytes=" + "0-1," * 400,
    ],
)
def test_a_malformed_field_is_ignored(field: str) -> None:
    assert parse_range(field) is None
    assert resolve(field, 10) is Outcome.WHOLE


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-,-0"])
def test_ranges_wholly_outside_are_unsatisfiable(field: str) -> None:
    assert resolve(field, 10) is Outcome.UNSATISFIABLE


@pytest.mark.parametrize("field", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_nothing_of_an_empty_body_can_be_asked_for(field: str) -> None:
    assert resolve(field, 0) is Outcome.UNSATISFIABLE


def test_ranges_outside_are_left_out_beside_one_inside() -> None:
    assert resolve("bytes=0-1,50-60,-0", 10) == (ByteSpan(0, 2),)


def test_the_unit_is_case_insensitive_and_empty_elements_do_not_count() -> None:
    assert resolve("Bytes=,0-1,,5-6,", 10) == (ByteSpan(0, 2), ByteSpan(5, 7))


def test_parts_keep_the_order_asked_for() -> None:
    assert resolve("bytes=8-8,0-0,4-4", 10) == (ByteSpan(8, 9), ByteSpan(0, 1), ByteSpan(4, 5))


def test_a_joined_range_stands_where_its_first_part_stood() -> None:
    asked = "bytes=50-59,0-9,55-69,30-39"
    assert resolve(asked, 100) == (ByteSpan(50, 70), ByteSpan(0, 10), ByteSpan(30, 40))


def test_sixteen_ranges_are_served_and_seventeen_ignored() -> None:
    fields = [f"{at}-{at}" for at in range(0, 34, 2)]
    assert len(resolve("bytes=" + ",".join(fields[:16]), 100)) == 16  # type: ignore[arg-type]
    assert resolve("bytes=" + ",".join(fields), 100) is Outcome.WHOLE


def test_two_overlapping_ranges_are_served_and_three_ignored() -> None:
    assert resolve("bytes=0-9,5-14", 100) == (ByteSpan(0, 15),)
    assert resolve("bytes=0-9,5-14,10-19", 100) is Outcome.WHOLE


specs = st.one_of(
    st.builds(
        lambda first, more: RangeSpec(first, first + more), st.integers(0, 60), st.integers(0, 60)
    ),
    st.builds(lambda first: RangeSpec(first, None), st.integers(0, 60)),
    st.builds(lambda last: RangeSpec(None, last), st.integers(0, 60)),
)


def written(spec: RangeSpec) -> str:
    first = "" if spec.first is None else str(spec.first)
    return f"{first}-{'' if spec.last is None else spec.last}"


@given(st.lists(specs, min_size=1, max_size=20), st.integers(0, 50))
def test_spans_lie_inside_apart_and_cover_exactly_what_was_asked(
    asked: list[RangeSpec], length: int
) -> None:
    field = "bytes=" + ",".join(map(written, asked))
    assert parse_range(field) == tuple(asked)
    spans = resolve(field, length)
    wanted = {at for spec in asked for at in bytes_of(spec, length)}
    if isinstance(spans, Outcome):
        assert (spans is Outcome.UNSATISFIABLE) <= (not wanted)
        return
    sent = [at for span in spans for at in range(span.start, span.stop)]
    assert len(sent) == len(set(sent))
    assert set(sent) == wanted


def bytes_of(spec: RangeSpec, length: int) -> range:
    if spec.first is None:
        assert spec.last is not None
        return range(max(0, length - spec.last), length)
    return range(spec.first, length if spec.last is None else min(length, spec.last + 1))


@given(st.text(), st.integers(0, 10**12))
def test_no_text_breaks_the_reading(text: str, length: int) -> None:
    for field in (text, f"bytes={text}"):
        resolve(field, length)
