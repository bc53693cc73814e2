"""How tags of HLS playlists are written (RFC 8216bis §4.1 to §4.3)."""

from core.manifest.names import printable


def attributes(tag: str, **values: str | None) -> str:
    """Write a tag with its attribute list; those that are None are left out."""
    listed = ",".join(
        f"{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None
    )
    return f"#{tag}:{listed}"


def quoted(text: str) -> str:
    """Give a quoted-string (§4.2), which has no escapes: what it may not hold is replaced."""
    return '"' + printable(text).replace('"', "'") + '"'


def yes(value: bool) -> str:
    """Give YES or NO."""
    return "YES" if value else "NO"
