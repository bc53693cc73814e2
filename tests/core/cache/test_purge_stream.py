import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache.purge_stream import (
    Gap,
    Position,
    PurgeOrder,
    StreamEntry,
    StreamId,
    StreamState,
    UnreadableEntry,
    end_of,
    gap,
    read_entry,
    write_order,
)
from core.cache.purging import EVERYTHING, Purge

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
lists = st.lists(words, max_size=4).map(tuple)
numbers = st.integers(0, 2**64 - 1)


def at(time_ms: int) -> StreamId:
    return StreamId(time_ms, 0)


@given(numbers, numbers)
def test_an_id_is_what_its_text_says(time_ms: int, number: int) -> None:
    assert StreamId.parse(str(StreamId(time_ms, number))) == StreamId(time_ms, number)


def test_ids_are_ordered_by_time_and_then_by_number() -> None:
    assert StreamId.parse("9-0") < StreamId.parse("10-0") < StreamId.parse("10-9")
    assert StreamId.parse("10-9") < StreamId.parse("10-10")


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "1-x", "1-1-1", "1-1\n", "٣-1", "1" * 21 + "-0"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(UnreadableEntry):
        StreamId.parse(text)


@pytest.mark.parametrize(
    ("position", "missed"),
    [
        (None, Gap.UNKNOWN),
        (Position("e", at(30)), None),
        (Position("e", at(20)), None),
        (Position("e", at(10)), None),
        (Position("e", at(9)), Gap.TRIMMED),
        (Position("e", at(31)), Gap.LOST),
        (Position("d", at(20)), Gap.LOST),
        (Position(None, at(20)), Gap.LOST),
    ],
)
def test_a_reader_goes_on_where_its_own_entry_is_still_there(
    position: Position | None, missed: Gap | None
) -> None:
    assert gap(position, StreamState("e", at(10), at(30))) is missed


@given(st.one_of(st.none(), words), numbers, numbers)
def test_nothing_is_missed_at_the_end(epoch: str | None, one: int, other: int) -> None:
    state = StreamState(epoch, at(min(one, other)), at(max(one, other)))
    assert gap(end_of(state), state) is None


def test_a_stream_that_nobody_began_is_followed_from_nothing() -> None:
    nothing = StreamState(None, StreamId(), StreamId())
    assert gap(end_of(nothing), nothing) is None
    assert gap(end_of(nothing), StreamState("e", at(1), at(1))) is Gap.LOST


@given(words, lists, st.lists(words.map("/media/".__add__), max_size=4).map(tuple), st.booleans())
def test_an_order_arrives_as_it_was_written(
    token: str, keys: tuple[str, ...], urls: tuple[str, ...], soft: bool
) -> None:
    order = PurgeOrder(token, keys, urls, soft)
    try:
        order.purge()
        assert keys or urls
    except Exception:  # noqa: BLE001 - such an order is never written
        return
    assert read_entry({"epoch": "e", "purge": write_order(order)}) == StreamEntry("e", order)


def test_an_order_of_everything_arrives() -> None:
    order = PurgeOrder("t", everything=True)
    assert read_entry({"epoch": "e", "purge": write_order(order)}).order == order
    assert order.purge() == EVERYTHING


def test_an_order_names_tags_and_resources() -> None:
    order = PurgeOrder("t", ("video:1",), ("http://edge/media/p_1/0.m4s?CMCD=x",), soft=True)
    expected = Purge(frozenset({"video:1"}), frozenset({"/media/p_1/0.m4s"}), soft=True)
    assert order.purge() == expected


def test_an_entry_without_an_order_only_marks_an_epoch() -> None:
    assert read_entry({"epoch": "e"}) == StreamEntry("e")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token":"t"}',
        b'{"token":"","keys":["a"]}',
        b'{"token":"t","keys":["a"],"more":1}',
        b'{"token":"t","keys":["a"],"everything":true}',
        b'{"token":"t","soft":true,"everything":true}',
        b'{"token":"t","urls":["/media/../x"]}',
        msgspec.json.encode({"token": "t", "keys": ["a"] * 10_001}),
        b'{"token":"t","keys":["' + b"a" * 2**22 + b'"]}',
    ],
)
def test_an_entry_that_is_no_purge_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableEntry):
        read_entry({"epoch": "e", "purge": body.decode()})


@pytest.mark.parametrize("epoch", ["", "e" * 129])
def test_an_entry_of_no_epoch_is_refused(epoch: str) -> None:
    with pytest.raises(UnreadableEntry):
        read_entry({"epoch": epoch})
