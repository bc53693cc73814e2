"""The stamp: what makes a start warm, and what makes it set up again."""

import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from tools.launcher.paths import Tree
from tools.launcher.setup import NPM_WITH_TESTS, RUN_LOCK, TEST_LOCK, Needs, is_ready
from tools.launcher.stamp import (
    Stamp,
    environment_digest,
    lock_digest,
    native_digest,
    npm_digest,
    project_digest,
    web_digest,
)

EVERYTHING = Needs(tests=True, web=True)
SOURCES = (
    *(RUN_LOCK, TEST_LOCK, "pyproject.toml", "setup.py"),
    *("native/_index.pyx", "native/_bytes.pxd"),
    *("server/web/package.json", "server/web/package-lock.json", "server/web/src/watch.ts"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A checkout in which everything was set up, as far as files tell."""
    tree = Tree(tmp_path)
    for name in (*SOURCES, f"native/_index{EXTENSION_SUFFIXES[0]}", "server/web/dist/watch.js"):
        put(tree, name, name)
    tree.site_packages.joinpath("aiohttp").mkdir(parents=True)
    tree.python.parent.mkdir()
    tree.python.symlink_to(sys.executable)
    Stamp(
        {
            "environment": environment_digest(tree),
            RUN_LOCK: lock_digest(tree, RUN_LOCK),
            TEST_LOCK: lock_digest(tree, TEST_LOCK),
            "project": project_digest(tree),
            "native": native_digest(tree),
            "npm": npm_digest(tree),
            NPM_WITH_TESTS: npm_digest(tree),
            "web": web_digest(tree),
        },
        ["aiohttp"],
    ).write(tree.stamp)
    return tree


def put(tree: Tree, name: str, text: str) -> None:
    path = tree.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ready(tree: Tree, needs: Needs = EVERYTHING) -> bool:
    return is_ready(tree, Stamp.read(tree.stamp), needs)


def test_a_tree_that_was_set_up_is_ready(tree: Tree) -> None:
    assert ready(tree)


@pytest.mark.parametrize("name", SOURCES)
def test_a_changed_source_is_noticed(tree: Tree, name: str) -> None:
    put(tree, name, "changed")
    assert not ready(tree)


@pytest.mark.parametrize("name", ["native/_scan.pyx", "server/web/src/new/page.ts"])
def test_a_new_source_is_noticed(tree: Tree, name: str) -> None:
    put(tree, name, "new")
    assert not ready(tree)


def spoil_stamp(tree: Tree) -> None:
    tree.stamp.write_text('{"steps": 3}', encoding="utf-8")


def leave_half_made(tree: Tree) -> None:
    stamp = Stamp.read(tree.stamp)
    stamp.busy = RUN_LOCK
    stamp.write(tree.stamp)


def remove_a_package(tree: Tree) -> None:
    (tree.site_packages / "aiohttp").rmdir()


def remove_the_interpreter(tree: Tree) -> None:
    tree.python.unlink()
    tree.python.symlink_to(tree.root / "gone")


def remove_an_extension(tree: Tree) -> None:
    (tree.native / f"_index{EXTENSION_SUFFIXES[0]}").unlink()


def remove_the_pages(tree: Tree) -> None:
    (tree.web / "dist" / "watch.js").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        spoil_stamp,
        leave_half_made,
        remove_a_package,
        remove_the_interpreter,
        remove_an_extension,
        remove_the_pages,
    ],
)
def test_damage_is_noticed(tree: Tree, damage: Callable[[Tree], None]) -> None:
    damage(tree)
    assert not ready(tree)


def test_an_environment_that_was_moved_is_foreign(tree: Tree, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-moved"
    tree.root.rename(elsewhere)
    assert not ready(Tree(elsewhere))


def test_another_interpreter_is_noticed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version", "3.99.0 (of another day)")
    assert not ready(tree)


def test_a_debug_build_is_another_build(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_DEBUG_NATIVE", "1")
    assert not ready(tree)


@pytest.mark.parametrize(
    "name", ["server/web/node_modules/hls/index.js", "server/web/pages.py", "server/main.py"]
)
def test_what_nothing_is_built_from_is_not_looked_at(tree: Tree, name: str) -> None:
    put(tree, name, "new")
    assert ready(tree)


def test_a_command_without_pages_does_not_ask_for_them(tree: Tree) -> None:
    remove_the_pages(tree)
    put(tree, TEST_LOCK, "changed")
    assert ready(tree, Needs(tests=False, web=False))
