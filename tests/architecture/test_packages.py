"""What is on disk in the rooms is what the wheel carries."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from setuptools import find_packages

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "server", "origin", "edge", "runtime", "core", "native")
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
PACKAGES = set(find_packages(str(REPOSITORY), include=SETUPTOOLS["packages"]["find"]["include"]))
CARRIED_SUFFIXES = {".pxd", ".pyi", ".sql"}


def files(room: str) -> list[Path]:
    found = (path for path in (REPOSITORY / room).rglob("*") if path.is_file())
    return [path for path in found if "node_modules" not in path.parts]


def package_of(path: Path) -> str:
    """Name the nearest folder above a file that is a package."""
    folder = path.parent
    while not (folder / "__init__.py").is_file():
        folder = folder.parent
    return ".".join(folder.relative_to(REPOSITORY).parts)


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_with_python_in_it_is_a_package_of_the_wheel(room: str) -> None:
    folders = {path.parent for path in files(room) if path.suffix in {".py", ".pyx", ".pyi"}}
    names = {".".join(folder.relative_to(REPOSITORY).parts) for folder in folders}
    assert names
    assert names <= PACKAGES


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_that_is_read_at_run_time_is_carried(room: str) -> None:
    patterns = SETUPTOOLS["package-data"]["*"]
    for path in files(room):
        if path.suffix in CARRIED_SUFFIXES:
            package = package_of(path)
            assert package in PACKAGES
            inside = path.relative_to(REPOSITORY / package.replace(".", "/"))
            assert any(carries(pattern, inside) for pattern in patterns), path


def carries(pattern: str, inside: Path) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(inside.name, pattern.removeprefix("**/"))
    return len(inside.parts) == 1 and fnmatch(inside.name, pattern)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_that_it_is_typed(room: str) -> None:
    assert (REPOSITORY / room / "py.typed").is_file()


def test_the_rooms_of_the_wheel_are_the_rooms_of_the_house() -> None:
    assert {name for name in PACKAGES if "." not in name} == set(ROOMS)


def test_every_room_opens_with_its_role() -> None:
    for package in PACKAGES:
        first = (REPOSITORY / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
        assert first.startswith('"""'), package
