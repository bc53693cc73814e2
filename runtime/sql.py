"""Named SQL: statements live in `.sql` files beside the code that runs them.

A file is a series of blocks::

    -- name: get_video
    -- One video with everything a client may see.
    SELECT …;

The name is a Python identifier, the purpose one or more comment lines, the statement all that
follows.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType

from core.errors import InternalFault

_NAME = re.compile(r"--\s*name:\s*(?P<name>.*?)\s*$")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class MalformedQueries(InternalFault):
    """A `.sql` file of ours does not keep to the form above."""

    code = "sql.malformed"


class Queries(Mapping[str, str]):
    """The statements of one file by name; an unknown name is a `KeyError` that lists all."""

    def __init__(self, source: str, statements: Mapping[str, str]) -> None:
        self._source = source
        self._statements = MappingProxyType(dict(statements))

    def __getitem__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(sorted(self._statements))
            raise KeyError(f"{self._source} has no statement {name!r}; it has {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def load_queries(package: str, resource: str = "queries.sql") -> Queries:
    """The named statements of `resource` inside `package`. Raises `MalformedQueries`."""
    text = files(package).joinpath(resource).read_text(encoding="utf-8")
    source = f"{package}/{resource}"
    return Queries(source, parse_queries(text, source=source))


def parse_queries(text: str, *, source: str = "queries") -> dict[str, str]:
    """Statements by name, in the order of the file, without purpose and last semicolon."""
    statements: dict[str, str] = {}
    for name, line_number, lines in _blocks(text, source):
        where = f"{source}:{line_number}"
        if not _IDENTIFIER.fullmatch(name):
            raise MalformedQueries(f"{where}: {name!r} is no lower-case identifier")
        if name in statements:
            raise MalformedQueries(f"{where}: {name!r} is defined twice")
        statements[name] = _statement(lines, f"{where}: {name!r}")
    return statements


def _blocks(text: str, source: str) -> Iterator[tuple[str, int, list[str]]]:
    name: str | None = None
    started = 0
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := _NAME.match(line):
            if name is not None:
                yield name, started, lines
            name, started, lines = heading["name"], number, []
        elif name is not None:
            lines.append(line)
        elif line.strip() and not line.startswith("--"):
            raise MalformedQueries(f"{source}:{number}: a statement without a '-- name:' line")
    if name is not None:
        yield name, started, lines


def _statement(lines: list[str], where: str) -> str:
    if not lines or not lines[0].startswith("-- "):
        raise MalformedQueries(f"{where} says no purpose in a comment under its name")
    body = "\n".join(lines).strip()
    while body.startswith("--"):
        body = body.partition("\n")[2].lstrip()
    if not body:
        raise MalformedQueries(f"{where} has no statement")
    return body.rstrip().removesuffix(";").rstrip()
