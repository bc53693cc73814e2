"""HTTP dates (RFC 9110 §5.6.7) as whole seconds since 1970-01-01T00:00:00Z."""

import re
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST = 40

_FIXDATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), "
    r"(?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) GMT",
    re.ASCII,
)
_RFC850 = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
    r"(?P<day>\d\d)-(?P<month>[A-Z][a-z]{2})-(?P<year>\d\d) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) GMT",
    re.ASCII,
)
_ASCTIME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) (?P<year>\d{4})",
    re.ASCII,
)


def format_http_date(seconds: int) -> str:
    """Write seconds since the epoch as an IMF-fixdate."""
    at = datetime.fromtimestamp(seconds, UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


def parse_http_date(value: str) -> int | None:
    """Read any of the three forms an HTTP date may have; None when it is none of them.

    A two-digit year from 70 on is of the last century. The RFC asks for a window around the present
    instead, which would need a clock; the form has been obsolete since before 2000.
    """
    if len(value) > _LONGEST:
        return None
    for form in (_FIXDATE, _RFC850, _ASCTIME):
        if match := form.fullmatch(value):
            return _seconds(match)
    return None


def _seconds(match: re.Match[str]) -> int | None:
    if match["month"] not in _MONTHS:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    # A leap second is written :60, which datetime refuses; the second before is as good.
    second = min(int(match["second"]), 59)
    hour, minute = int(match["hour"]), int(match["minute"])
    try:
        month = _MONTHS.index(match["month"]) + 1
        at = datetime(year, month, int(match["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp())
