import math
from pathlib import Path

import pytest

from runtime.settings import quantities

SIZES = [
    ("0", 0),
    ("1024", 1024),
    ("512MiB", 512 * 2**20),
    ("512 mib", 512 * 2**20),
    ("2GB", 2 * 10**9),
    ("1.5KiB", 1536),
    ("16TiB", 16 * 2**40),
    ("7B", 7),
]
NO_SIZES = ["", "12x", "MiB", "-1", "1e9", "0x10", "1 2", "1" * 16, "1MiBs", "١"]
DURATIONS = [("30", 30.0), ("500ms", 0.5), ("5m", 300.0), ("1.5h", 5400.0), ("7d", 604800.0)]
NO_DURATIONS = ["", "soon", "1w", "-3s", "1M", "nan", "inf"]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_a_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert quantities.parse_bytes(text) == size


@pytest.mark.parametrize("text", NO_SIZES)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        quantities.parse_bytes(text)


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert quantities.parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        quantities.parse_seconds(text)


@pytest.mark.parametrize("number", [math.nan, math.inf, True])
def test_a_toml_value_that_is_no_quantity_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        quantities.parse_seconds(number)


@pytest.mark.parametrize("size", [1, 1023, 1024, 512 * 2**20, 3 * 2**40, 10**9])
def test_a_written_size_reads_back_as_itself(size: int) -> None:
    assert quantities.parse_bytes(quantities.format_bytes(size)) == size


@pytest.mark.parametrize("seconds", [0.5, 1.0, 90.0, 3600.0, 86400.0])
def test_a_written_duration_reads_back_as_itself(seconds: float) -> None:
    assert quantities.parse_seconds(quantities.format_seconds(seconds)) == pytest.approx(seconds)


def test_a_base_url_loses_its_trailing_slash() -> None:
    assert quantities.parse_url("https://films.example/tv/") == "https://films.example/tv"


@pytest.mark.parametrize(
    "text",
    [
        "films.example",
        "ftp://films.example",
        "http://",
        "http://a:99999",
        "http://u@a",
        "http://a?b",
    ],
)
def test_what_is_no_base_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL"):
        quantities.parse_url(text)


def test_a_list_may_be_given_with_commas_or_in_pieces() -> None:
    assert quantities.parse_list("a, b,,c") == ("a", "b", "c")
    assert quantities.parse_list(["a,b", "c"]) == ("a", "b", "c")


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' is not a network"):
        quantities.parse_networks("127.0.0.1,10.0.0.0/99")


def test_a_path_is_made_absolute_and_home_is_expanded() -> None:
    assert quantities.parse_folder("~/films") == Path.home() / "films"
    assert quantities.parse_folder("films") == Path.cwd() / "films"


@pytest.mark.parametrize(
    "text",
    [
        "redis://cache",
        "redis://:word@cache:6379/2",
        "rediss://user:word@[::1]:6380",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=3",
    ],
)
def test_a_redis_is_named_by_its_url(text: str) -> None:
    assert quantities.parse_redis_url(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "cache:6379", "http://cache", "redis://", "redis://cache:0", "redis://cache:x",
     "redis://cache/a", "redis://cache?db=1", "redis://cache#1", "unix://", "unix:///a?x=1"],
)  # fmt: skip
def test_what_names_no_redis_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        quantities.parse_redis_url(text)
