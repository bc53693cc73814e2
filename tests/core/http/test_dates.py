import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.dates import format_http_date, parse_http_date

EXAMPLE_S = 784111777


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_forms_of_rfc_9110_name_one_moment(text: str) -> None:
    assert parse_http_date(text) == EXAMPLE_S


def test_dates_are_written_as_imf_fixdate() -> None:
    assert format_http_date(EXAMPLE_S) == "Sun, 06 Nov 1994 08:49:37 GMT"


@given(st.integers(0, 253402300799))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_http_date(format_http_date(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "x" * 10_000,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    parse_http_date(text)


def test_a_leap_second_is_the_second_before() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228799


def test_two_digit_years_are_of_this_century_below_seventy() -> None:
    assert parse_http_date("Friday, 01-Jan-38 00:00:00 GMT") == 2145916800
