"""Resources with variants, as the data plane is told of them: the twin of `native/_vary.pxd`.

The table has an entry for each variant, and one for the resource that says by which fields a
request chooses between them. That one is there for as long as any of the variants is.
"""

from typing import TYPE_CHECKING, Final

from core.http.cache_key import CacheKey
from core.http.vary import VaryNames

if TYPE_CHECKING:
    from native import DataPlane

_FIELD: Final = b"\x01"
_ABSENT: Final = b"\x02"


class Forks:
    """Which variants of which resources the data plane knows."""

    def __init__(self) -> None:
        self._shown: dict[str, set[CacheKey]] = {}
        self._names: dict[str, VaryNames] = {}

    def show(self, plane: "DataPlane", key: CacheKey, names: VaryNames) -> None:
        """The entry with this key, chosen by `names`, is about to be shown."""
        if not names:
            self._forget(key.resource)  # the entry itself takes the place of the fork
            return
        if self._names.get(key.resource) != names:
            self._names[key.resource] = names
            plane.fork(_encoded(key.resource), _encoded("\n".join(names)))
        self._shown.setdefault(key.resource, set()).add(key)

    def holds(self, resource: str) -> bool:
        """Whether the place of this resource is taken by a fork."""
        return resource in self._shown

    def hide(self, plane: "DataPlane", key: CacheKey) -> None:
        """The entry with this key is shown no more."""
        shown = self._shown.get(key.resource)
        if shown is None:
            return
        shown.discard(key)
        if not shown:
            self._forget(key.resource)
            plane.drop(_encoded(key.resource))

    def _forget(self, resource: str) -> None:
        self._shown.pop(resource, None)
        self._names.pop(resource, None)


def plane_key(key: CacheKey) -> bytes:
    """The key of an entry in the table of the data plane."""
    choices = (_ABSENT if value is None else _encoded(value) for value in key.variant)
    return b"".join((_encoded(key.resource), *(_FIELD + choice for choice in choices)))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
