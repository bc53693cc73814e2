"""Types of setting values, each read from the text a person writes."""

import ipaddress
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from core.errors import Fault
from core.http.media_token import parse_keys
from core.protection.master_key import parse_master_keys
from runtime.line_file import STANDARD_OUTPUT
from runtime.listen import HostPort

SIZE_UNITS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
TIME_UNITS: Final = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Fifteen digits stay exact in a float and keep int() short.
_QUANTITY: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{0,3})")

_DATABASE: Final = re.compile(r"/?|/[0-9]{1,5}", re.ASCII)
_UNIX_DATABASE: Final = re.compile(r"|db=[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a setting's value is, for the help text and the reference page."""

    noun: str
    metavar: str
    example: str = ""
    is_list: bool = False


def parse_bytes(value: object) -> object:
    """Read ``512MiB``, ``2GB`` or a number of bytes."""
    if isinstance(value, bool) or not isinstance(value, str):
        return _number(value, "a size")
    number, unit = _split(value, "a size such as 512MiB or 2GB")
    if unit.lower() not in SIZE_UNITS:
        raise ValueError("not a size such as 512MiB or 2GB")
    return round(number * SIZE_UNITS[unit.lower()])


def parse_seconds(value: object) -> object:
    """Read ``500ms``, ``30s``, ``5m``, ``2h``, ``7d`` or a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, str):
        return _number(value, "a duration")
    number, unit = _split(value, "a duration such as 30s or 5m")
    if unit not in TIME_UNITS:
        raise ValueError("not a duration such as 30s or 5m")
    return number * TIME_UNITS[unit]


def format_bytes(size: int) -> str:
    """Write a size with the largest binary unit that divides it."""
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def format_seconds(seconds: float) -> str:
    """Write a duration with the largest unit that divides it."""
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % factor == 0:
            return f"{int(seconds // factor)}{unit}"
    return f"{seconds:g}s"


def parse_address(value: object) -> object:
    """Read HOST:PORT."""
    if not isinstance(value, str):
        return value
    try:
        return HostPort.parse(value)
    except Fault as fault:
        raise ValueError(fault.message.removeprefix(f"{value!r} is ")) from fault


def parse_url(value: object) -> object:
    """Read an http or https base URL, and drop a trailing slash so that paths can follow."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value.strip())
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError("not a URL") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise ValueError("not an http:// or https:// URL")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("a base URL has no user, query or fragment")
    return value.strip().rstrip("/")


def parse_database_url(value: object) -> object:
    """Read a ``postgresql://`` URL."""
    if isinstance(value, str) and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("not a postgresql:// URL")
    return value


def parse_redis_url(value: object) -> object:
    """Read a ``redis://``, ``rediss://`` or ``unix://`` URL."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value.strip())
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError("not a URL") from error
    if parts.scheme == "unix":
        well = bool(parts.path) and _UNIX_DATABASE.fullmatch(parts.query) is not None
    else:
        in_place = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and port_is_valid
        well = in_place and not parts.query and _DATABASE.fullmatch(parts.path) is not None
    if not well or parts.fragment:
        raise ValueError("not a redis://HOST:PORT/NUMBER, rediss:// or unix://PATH?db=NUMBER URL")
    return value.strip()


def parse_folder(value: object) -> object:
    """Read a path; ``~`` is the home folder, and what is relative becomes absolute now."""
    if isinstance(value, str) and not value.strip():
        raise ValueError("not a path")
    return Path(value).expanduser().absolute() if isinstance(value, str | Path) else value


def parse_output(value: object) -> object:
    """Read a path as `parse_folder` does, or ``-`` for standard output."""
    return STANDARD_OUTPUT if str(value).strip() == "-" else parse_folder(value)


def parse_list(value: object) -> object:
    """Read a comma-separated list, or a list of such."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        return value
    return tuple(part.strip() for text in texts for part in str(text).split(",") if part.strip())


def parse_networks(value: object) -> object:
    """Read a list of CIDR blocks or single addresses."""
    parts = parse_list(value)
    if isinstance(parts, tuple):
        for part in parts:
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError as error:
                raise ValueError(f"{part!r} is not a network such as 10.0.0.0/8") from error
    return parts


def parse_urls(value: object) -> object:
    """Read a list of base URLs."""
    parts = parse_list(value)
    return tuple(parse_url(part) for part in parts) if isinstance(parts, tuple) else parts


def check_media_keys(value: object) -> object:
    """See that a key ring can be read; it stays text, so that it can be handed on."""
    if isinstance(value, str):
        try:
            parse_keys(value)
        except Fault as fault:
            raise ValueError(fault.message) from fault
    return value


def check_master_keys(value: object) -> object:
    """See that a ring of master keys can be read; it stays text, so that it can be handed on."""
    if isinstance(value, str):
        try:
            parse_master_keys(value)
        except Fault as fault:
            raise ValueError(fault.message) from fault
    return value


def _number(value: object, noun: str) -> object:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"not {noun}")
    return value


def _split(text: str, noun: str) -> tuple[float, str]:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not {noun}")
    return float(found[1]), found[2]


Count = Annotated[int, Measure("a whole number", "N")]
Port = Annotated[int, Measure("a port", "PORT")]
Bytes = Annotated[int, BeforeValidator(parse_bytes), Measure("a size", "SIZE", "512MiB")]
Seconds = Annotated[float, BeforeValidator(parse_seconds), Measure("a duration", "TIME", "30s")]
Address = Annotated[
    HostPort, BeforeValidator(parse_address), Measure("an address", "HOST:PORT", "127.0.0.1:8080")
]
Url = Annotated[
    str, BeforeValidator(parse_url), Measure("a base URL", "URL", "https://films.example")
]
DatabaseUrl = Annotated[
    str,
    BeforeValidator(parse_database_url),
    Measure("a Postgres URL", "URL", "postgresql://user@host/sluice"),
]
RedisUrl = Annotated[
    str, BeforeValidator(parse_redis_url), Measure("a Redis URL", "URL", "redis://cache:6379/0")
]
Folder = Annotated[Path, BeforeValidator(parse_folder), Measure("a path", "DIR")]
File = Annotated[Path, BeforeValidator(parse_folder), Measure("a path", "FILE")]
Output = Annotated[Path, BeforeValidator(parse_output), Measure("a path, or -", "FILE|-")]
Text = Annotated[str, Measure("text", "TEXT")]
MediaKeys = Annotated[
    str,
    BeforeValidator(check_media_keys),
    Measure("keys as kid:base64, separated by commas, of 32 to 64 bytes each", "KEYS"),
]
MasterKeyRing = Annotated[
    str,
    BeforeValidator(check_master_keys),
    Measure("keys as name:base64, separated by commas, of 32 bytes each", "KEYS"),
]
Urls = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_urls),
    Measure("base URLs, separated by commas", "URL", "http://127.0.0.1:8083", is_list=True),
]
Networks = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_networks),
    Measure("networks, separated by commas", "CIDR", "10.0.0.0/8", is_list=True),
]
