"""The built web pages and their assets, as they are sent: validators, caching and encodings."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

# build.mjs names an asset after the hash of its bytes.
_HASHED: Final = re.compile(r"-[0-9A-Z]{8}\.[a-z0-9.]+")
_FOREVER: Final = "public, max-age=31536000, immutable"
_CHECKED: Final = "no-cache"
_ENCODINGS: Final = {".br": "br", ".gz": "gzip"}
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the site, with the compressed twins it was built with."""

    body: bytes = field(repr=False)
    content_type: str
    cache_control: str
    encoded: Mapping[str, bytes] = field(repr=False, default_factory=lambda: MappingProxyType({}))

    def choose(self, accept_encoding: str) -> tuple[str | None, bytes]:
        """The best encoding that the client takes, and the body in it."""
        accepted = acceptable_encodings(accept_encoding)
        for encoding in ("br", "gzip"):
            if encoding in accepted and encoding in self.encoded:
                return encoding, self.encoded[encoding]
        return None, self.body


def etag(body: bytes) -> str:
    """The strong validator of these very bytes; each encoding has its own (RFC 9110 §8.8.3.3)."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def acceptable_encodings(field_value: str) -> frozenset[str]:
    """The codings of an Accept-Encoding field that are not refused by `q=0` (RFC 9110 §12.5.3)."""
    accepted = set()
    for element in field_value[:1024].lower().split(","):
        coding, _, weight = element.partition(";")
        if not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight):
            accepted.add(coding.strip())
    return frozenset(accepted)


def built_folder() -> Path:
    """Where `sluice build` puts the site."""
    return Path(str(files("server"))) / "web" / "dist"


class WebSite:
    """The site of one folder, read into memory, and read again after it was built anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: int | None = None
        self._assets: Mapping[str, Asset] = {}

    def assets(self) -> Mapping[str, Asset]:
        """The files by their path without a leading slash; none where the site was never built.

        Looks at one file's time and reads the rest, a megabyte or so, only when that changed.
        """
        try:
            stamp = (self._folder / "index.html").stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if stamp != self._stamp:
            self._assets = read_site(self._folder)
            self._stamp = stamp
        return self._assets


def read_site(folder: Path) -> dict[str, Asset]:
    """Every file below `folder` that has a known type."""
    assets = {}
    for path in sorted(folder.rglob("*")):
        content_type = _TYPES.get(path.suffix)
        if content_type is None or not path.is_file():
            continue
        encoded = {
            encoding: twin.read_bytes()
            for suffix, encoding in _ENCODINGS.items()
            if (twin := path.with_name(path.name + suffix)).is_file()
        }
        caching = _FOREVER if _HASHED.search(path.name) else _CHECKED
        name = path.relative_to(folder).as_posix()
        assets[name] = Asset(path.read_bytes(), content_type, caching, MappingProxyType(encoded))
    return assets
