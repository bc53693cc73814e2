"""Brings the checkout into a state that runs: environment, packages, extensions, web pages.

Each step knows the digest of what it is made from. A step whose digest agrees with the stamp is
skipped; a step that changes the environment marks the stamp first, so that an interruption at any
moment is seen by the next start, which then begins anew.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.launcher import machine, node
from tools.launcher.failure import SetupFailed
from tools.launcher.paths import Tree
from tools.launcher.progress import Progress, say
from tools.launcher.stamp import (
    Stamp,
    environment_digest,
    environment_is_whole,
    extensions_are_there,
    lock_digest,
    native_digest,
    node_modules_are_there,
    npm_digest,
    project_digest,
    site_names,
    web_digest,
    web_is_there,
)

RUN_LOCK = "requirements.lock"
TEST_LOCK = "requirements-test.lock"
NPM_WITH_TESTS = "npm with tests"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a command needs beyond the environment and the extensions."""

    tests: bool
    web: bool


def ensure(tree: Tree, needs: Needs) -> None:
    """Set up what is not, and return at once where everything is.

    Raises:
        SetupFailed: with the sentence for the user.
    """
    if is_ready(tree, Stamp.read(tree.stamp), needs):
        return
    with held(tree.lock) as lock:
        setup = Setup(tree, lock)
        setup.environment()
        with setup.node_ahead(needs):
            setup.packages(TEST_LOCK if needs.tests else RUN_LOCK)
            setup.project()
            setup.extensions()
            if needs.web and has_web(tree):
                setup.web(needs)


def is_ready(tree: Tree, stamp: Stamp, needs: Needs) -> bool:
    """Compare the stamp with the sources: the whole price of a warm start."""
    wanted = {
        "environment": environment_digest(tree),
        RUN_LOCK: lock_digest(tree, RUN_LOCK),
        "project": project_digest(tree),
        "native": native_digest(tree),
    }
    if needs.tests:
        wanted[TEST_LOCK] = lock_digest(tree, TEST_LOCK)
    web = needs.web and has_web(tree)
    if web:
        wanted |= {npm_step(needs): npm_digest(tree), "web": web_digest(tree)}
    return (
        wanted.items() <= stamp.steps.items()
        and environment_is_whole(tree, stamp)
        and extensions_are_there(tree)
        and (not web or web_is_there(tree))
    )


def npm_step(needs: Needs) -> str:
    """Name the step that installs npm's packages: whoever has the tests' has the others."""
    return NPM_WITH_TESTS if needs.tests else "npm"


def has_web(tree: Tree) -> bool:
    """Say whether there are web pages to build."""
    return (tree.web / "package.json").is_file()


class Setup:
    """The steps, each of which does nothing where its stamp fits."""

    def __init__(self, tree: Tree, lock: int | None = None) -> None:
        self.tree = tree
        self.stamp = Stamp.read(tree.stamp)
        self.progress = Progress(tree.log, lock)
        self.node = node.Supply(tree, lock)

    def environment(self) -> None:
        """Make the environment, anew where the one there is foreign, broken or half-made."""
        wanted = environment_digest(self.tree)
        if self._fits("environment", wanted) and environment_is_whole(self.tree, self.stamp):
            return
        machine.require_build_tools()
        say("Setting Sluice up. The first time takes a minute or two, later starts take none.")
        version = ".".join(map(str, sys.version_info[:3]))
        with self.progress.step(f"virtual environment with Python {version}"):
            remove(self.tree.venv)
            base = os.path.realpath(sys.executable)
            self.progress.run([base, "-I", "-m", "venv", str(self.tree.venv)], self.tree.root)
            self.stamp = Stamp(steps={"environment": wanted})
            self._save()

    @contextmanager
    def node_ahead(self, needs: Needs) -> Iterator[None]:
        """Fetch Node, where it will be needed, while the other steps run."""
        pages_fit = self._fits("web", web_digest(self.tree)) and web_is_there(self.tree)
        if needs.web and has_web(self.tree) and not pages_fit:
            self.node.begin()
        try:
            yield
        finally:
            self.node.abandon()

    def packages(self, lock: str) -> None:
        """Install exactly what a lock names, every file checked against its hash."""
        if self._fits(lock, lock_digest(self.tree, lock)):
            return
        count = sum(line[:1].isalnum() for line in self._read(lock))
        kind = "test" if lock == TEST_LOCK else "pinned"
        with self._changing(lock), self.progress.step(f"{count} {kind} packages"):
            self._pip("--require-hashes", "--only-binary", ":all:", "-r", lock)
        # The locks are resolved together, so whoever has the packages of the tests has the others.
        for name in {lock, RUN_LOCK}:
            self._done(name, lock_digest(self.tree, name))

    def project(self) -> None:
        """Install the checkout itself, editable; this compiles the extensions too."""
        wanted = project_digest(self.tree)
        if self._fits("project", wanted):
            return
        machine.require_build_tools()
        native = native_digest(self.tree)
        with self._changing("project"), self.progress.step("compiling the native modules"):
            self._pip("--no-deps", "--no-build-isolation", "--editable", ".")
        self._done("project", wanted)
        self._done("native", native)

    def extensions(self) -> None:
        """Compile the extensions whose sources changed."""
        wanted = native_digest(self.tree)
        if self._fits("native", wanted) and extensions_are_there(self.tree):
            return
        machine.require_build_tools()
        with self.progress.step("compiling what changed in native"):
            command = [str(self.tree.python), "setup.py", "--quiet", "build_ext", "--inplace"]
            self.progress.run(command, self.tree.root)
        self._done("native", wanted)

    def web(self, needs: Needs) -> None:
        """Build the web pages; only their tests need npm's development packages."""
        step, wanted_npm, wanted = npm_step(needs), npm_digest(self.tree), web_digest(self.tree)
        has_npm = self._fits(step, wanted_npm) and node_modules_are_there(self.tree)
        if has_npm and self._fits("web", wanted) and web_is_there(self.tree):
            return
        found = self.node.get()
        with self.progress.step("building the web pages"):
            if not has_npm:
                omitted = () if needs.tests else ("--omit=dev",)
                self._npm(found, "ci", "--no-audit", "--no-fund", "--ignore-scripts", *omitted)
                self.stamp.steps.pop(NPM_WITH_TESTS, None)
                for name in {"npm", step}:
                    self._done(name, wanted_npm)
            self._npm(found, "run", "build")
        self._done("web", wanted)

    def _pip(self, *options: str) -> None:
        command = [str(self.tree.python), "-I", "-m", "pip", "install"]
        self.progress.run(
            [*command, "--no-input", "--disable-pip-version-check", *options],
            self.tree.root,
            {"PIP_ROOT_USER_ACTION": "ignore"},
        )

    def _npm(self, found: node.Node, *words: str) -> None:
        self.progress.run([*found.npm, *words], self.tree.web, found.env)

    def _read(self, lock: str) -> list[str]:
        try:
            return (self.tree.root / lock).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as absent:
            raise SetupFailed(f"{lock} is missing from this checkout") from absent

    def _fits(self, step: str, wanted: str) -> bool:
        return self.stamp.steps.get(step) == wanted

    @contextmanager
    def _changing(self, step: str) -> Iterator[None]:
        """Mark the environment as half-made until the step has ended well."""
        self.stamp.busy = step
        self._save()
        try:
            yield
        except SetupFailed:
            # Where pip could not even build the project, it has changed nothing.
            self.stamp.busy = None if step == "project" else step
            self._save()
            raise
        self.stamp.busy = None
        self.stamp.site = sorted(name for name in site_names(self.tree) if name[0] not in "~_")

    def _done(self, step: str, wanted: str) -> None:
        self.stamp.steps[step] = wanted
        self._save()

    def _save(self) -> None:
        self.stamp.write(self.tree.stamp)


@contextmanager
def held(lock: Path) -> Iterator[int]:
    """Hold the lock of set-up, waiting for another start that has it; yields its descriptor."""
    try:
        file = lock.open("wb")
    except OSError as refused:
        raise SetupFailed(
            f"cannot write in {lock.parent} ({refused.strerror}); use a clone of your own"
        ) from refused
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another ./sluice is setting up this checkout; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def remove(venv: Path) -> None:
    """Remove an environment, or the link to one."""
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)
