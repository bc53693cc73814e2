"""Tells whether what was set up still fits its sources, without starting any tool.

The stamp is one JSON file inside the environment: for every step the digest of what it was made
from, and the names in ``site-packages``. A start whose digests all agree goes straight to Sluice.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Self

from tools.launcher.paths import Tree

UNSTAMPED_WEB_FOLDERS = frozenset({"node_modules", "dist", "test-results"})


@dataclass(slots=True)
class Stamp:
    """What was set up; ``busy`` names a step that began to change it and never ended."""

    steps: dict[str, str] = field(default_factory=dict)
    site: list[str] = field(default_factory=list)
    busy: str | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a stamp; an absent or unreadable one is empty, which fits nothing."""
        try:
            found = json.loads(path.read_bytes())
            return cls(dict(found["steps"]), list(found["site"]), found["busy"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the stamp on disk in one step."""
        draft = path.with_suffix(".draft")
        fields = {"steps": self.steps, "site": self.site, "busy": self.busy}
        draft.write_text(json.dumps(fields, indent=1), encoding="utf-8")
        draft.replace(path)


def digest(root: Path, files: Iterable[Path], *facts: str) -> str:
    """Hash facts and the names and contents of files; an absent file counts as absent."""
    state = hashlib.sha256()
    for fact in facts:
        state.update(f"{fact}\0".encode())
    for file in files:
        state.update(f"{file.relative_to(root)}\0".encode())
        state.update(file.read_bytes() if file.is_file() else b"\0absent")
    return state.hexdigest()


def environment_digest(tree: Tree) -> str:
    """Identify the interpreter and the place: an environment works with no other."""
    return digest(tree.root, [], os.path.realpath(sys.executable), sys.version, str(tree.root))


def lock_digest(tree: Tree, name: str) -> str:
    """Identify a lock file."""
    return digest(tree.root, [tree.root / name])


def project_digest(tree: Tree) -> str:
    """Identify what an editable installation is made from."""
    return digest(tree.root, [tree.root / "pyproject.toml", tree.root / "setup.py"])


def native_digest(tree: Tree) -> str:
    """Identify the sources of the extensions and the kind of build."""
    sources = sorted(
        path for kind in ("pyx", "pxd", "h") for path in tree.native.rglob(f"*.{kind}")
    )
    kind = "debug" if os.environ.get("SLUICE_DEBUG_NATIVE") == "1" else "release"
    return digest(tree.root, [*sources, tree.root / "setup.py"], kind)


def npm_digest(tree: Tree) -> str:
    """Identify the packages that the web pages are built with."""
    names = ("package.json", "package-lock.json", ".npmrc")
    return digest(tree.root, [tree.web / name for name in names])


def web_digest(tree: Tree) -> str:
    """Identify the sources of the web pages."""
    return digest(tree.root, sorted(web_sources(tree.web)))


def web_sources(web: Path) -> Iterator[Path]:
    """Yield every file the web build may read."""
    for folder, folders, files in os.walk(web):
        folders[:] = [name for name in folders if name not in UNSTAMPED_WEB_FOLDERS]
        yield from (Path(folder, name) for name in files if not name.endswith(".py"))


def environment_is_whole(tree: Tree, stamp: Stamp) -> bool:
    """Check by names alone that nothing was removed from the environment since the stamp."""
    if stamp.busy is not None or not os.access(tree.python, os.X_OK):
        return False
    return tree.site_packages.is_dir() and site_names(tree).issuperset(stamp.site)


def site_names(tree: Tree) -> set[str]:
    """Name the installed packages, whatever their version."""
    names = {entry.name for entry in tree.site_packages.iterdir()}
    return {name for name in names if not name.endswith(".dist-info")}


def extensions_are_there(tree: Tree) -> bool:
    """Check that every ``.pyx`` has its module for the running version of Python."""
    suffix = EXTENSION_SUFFIXES[0]
    return all(source.with_suffix(suffix).is_file() for source in tree.native.rglob("*.pyx"))


def node_modules_are_there(tree: Tree) -> bool:
    """Check that npm once finished; it writes this file last."""
    return (tree.web / "node_modules" / ".package-lock.json").is_file()


def web_is_there(tree: Tree) -> bool:
    """Check that the web build left something."""
    dist = tree.web / "dist"
    return dist.is_dir() and any(dist.iterdir())
