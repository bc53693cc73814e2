import pytest

from core.http.fields import combined, first, list_members, natural, values, without

HEADERS = (("A", "1"), ("b", "x, Y ,"), ("a", "2"))


def test_names_are_case_insensitive_and_order_is_kept() -> None:
    assert values(HEADERS, "a") == ["1", "2"]
    assert first(HEADERS, "a") == "1"
    assert combined(HEADERS, "a") == "1, 2"
    assert first(HEADERS, "c") is None
    assert combined(HEADERS, "c") is None


def test_members_of_a_list_are_lower_case_and_never_empty() -> None:
    assert list_members(HEADERS, "b") == ["x", "y"]


def test_fields_are_left_out_by_name() -> None:
    assert without(HEADERS, ["a"]) == (("b", "x, Y ,"),)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("99", 50), ("9" * 5000, 50), ("", None), ("-1", None), ("1.5", None),
     (" 1", None), ("٣", None), ("1_0", None)],
)  # fmt: skip
def test_natural_numbers_are_digits_and_clamped(text: str, number: int | None) -> None:
    assert natural(text, 50) == number
