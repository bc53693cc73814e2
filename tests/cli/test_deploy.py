"""deploy/ and the operator's pages name only commands, flags and settings that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from cli.commands import COMMANDS
from cli.report.events import AnyEvent
from runtime.settings import (
    EdgeSettings,
    OriginSettings,
    ServerSettings,
    UpSettings,
    WorkerSettings,
)
from runtime.settings.catalogue import every_declaration
from runtime.settings.declaration import SluiceSettings, declarations
from runtime.settings.load import INTERNAL_VARIABLES
from runtime.settings.top import TopSettings

REPOSITORY = Path(__file__).resolve().parents[2]
RUNNING = REPOSITORY / "docs" / "operations" / "running.md"
EDGE = REPOSITORY / "docs" / "operations" / "edge.md"
FILES = [*sorted((REPOSITORY / "deploy").iterdir()), REPOSITORY / "README.md", RUNNING, EDGE]
CLASSES: dict[str, type[SluiceSettings]] = {
    "up": UpSettings,
    "server": ServerSettings,
    "origin": OriginSettings,
    "worker": WorkerSettings,
    "edge": EdgeSettings,
    "edge top": TopSettings,
}
# Options of commands that are no settings.
NO_SETTINGS = frozenset({"config", "json", "once", "until", "server", "help", "version"})


def invocations(text: str) -> Iterator[tuple[str, str]]:
    """The command lines of `sluice` in a file: the command, and the rest of the line."""
    yield from re.findall(r"(?:\./|bin/|[`\s])sluice (edge top|[a-z]+)\b([^\n`#]*)", text)
    yield from re.findall(r'command: \["([a-z]+)"(.*)\]', text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    known = {each.environment for each in every_declaration()} | INTERNAL_VARIABLES
    named = set(re.findall(r"SLUICE_[A-Z_]*[A-Z]", path.read_text()))
    assert named <= known


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_line_is_understood(path: Path) -> None:
    commands = {command.name for command in COMMANDS} | {"test", "bench"}
    for command, rest in invocations(path.read_text()):
        if command not in CLASSES:
            assert command in commands or not rest.strip().startswith("-")
            continue
        flags = {each.flag.removeprefix("--") for each in declarations(CLASSES[command])}
        assert set(re.findall(r"--([a-z][a-z-]*)", rest)) <= flags | NO_SETTINGS


def test_every_event_is_explained() -> None:
    tags = {event.__struct_config__.tag for event in get_args(AnyEvent)}
    explained = set(re.findall(r"`([a-z_]+)`", RUNNING.read_text()))
    assert tags <= explained


def test_the_files_hold_command_lines_to_check() -> None:
    found = {command for path in FILES for command, _ in invocations(path.read_text())}
    assert {"up", "edge", "server", "origin", "worker"} <= found
