"""The reference page of the settings as text."""

from collections.abc import Iterator
from typing import Final

from runtime.settings.catalogue import CLASSES, own_declarations
from runtime.settings.declaration import Declaration, SluiceSettings

OPENING: Final = """\
<!-- Made by `python -m tools.settings_reference`; change the declarations in runtime/settings/. -->

# Settings

Every setting can be given in three ways. A flag wins over the environment, the environment over the
file, the file over the default.

- **Flag**: `--memory-bytes 2GiB`. A secret has none, because command lines can be listed.
- **Environment**: `SLUICE_EDGE_MEMORY_BYTES=2GiB`. An empty variable counts as absent.
- **File**: TOML, named by `--config` or `SLUICE_CONFIG`, else `$XDG_CONFIG_HOME/sluice/sluice.toml`
  if it exists. One file serves all processes; what belongs to one process stands in its table:

```toml
data = "/srv/films"

[edge]
memory_bytes = "2GiB"
```

A size is a number of bytes or has a unit: `512MiB` (binary) or `2GB` (decimal). A duration is a
number of seconds or has a unit: `500ms`, `30s`, `5m`, `2h`, `7d`. Lists are separated by commas.

An unknown key, an unknown `SLUICE_*` variable or a value out of range stops the process with exit
code 2 and a sentence that names it.
"""


def page() -> str:
    """Give the whole page."""
    return "\n".join([OPENING, *(line for cls in CLASSES for line in _section(cls))])


def _section(cls: type[SluiceSettings]) -> Iterator[str]:
    declared = own_declarations(cls)
    if not declared:
        return
    yield f"## {cls.title}"
    yield ""
    for each in declared:
        yield from _entry(each)


def _entry(declared: Declaration) -> Iterator[str]:
    yield f"### `{declared.key}`"
    yield ""
    yield declared.prose
    yield ""
    if not declared.is_secret:
        yield f"- Flag: `{declared.flag}`"
    yield f"- Environment: `{declared.environment}`"
    yield f"- Value: {declared.allowed}"
    yield f"- Default: {_default(declared)}"
    yield ""


def _default(declared: Declaration) -> str:
    if declared.is_required:
        return "none; it must be given"
    text = declared.default_text
    if text is None:
        return "none"
    return f"`{text}`" if declared.default_is_literal else text
