"""The built wheel, alone in an environment of its own, runs and shows the library."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.tracked import REPOSITORY, tracked_files
from tests.fixtures.product import Product

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(600)]

DEADLINE_S = 400
QUIET = ("--no-input", "--disable-pip-version-check", "--quiet")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command that must end well; its standard output."""
    outcome = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def copy_of_the_checkout(folder: Path) -> Path:
    """Copy what is tracked and the built web pages, so that nothing of an older build gets in."""
    assets = [path for path in (REPOSITORY / "server/web/dist").rglob("*") if path.is_file()]
    assert assets, "the web pages are not built: ./sluice build"
    for path in (*tracked_files(), *assets):
        target = folder / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_of_the_checkout(tmp_path_factory.mktemp("source"))
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", out, *QUIET)
    run(sys.executable, "-m", "pip", "wheel", *options, source, folder=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment with the locked packages and the wheel, and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, folder=folder)
    pip = (folder / "bin" / "python", "-I", "-m", "pip", "install", *QUIET)
    run(*pip, "--require-hashes", "-r", REPOSITORY / "requirements.lock", folder=folder)
    run(*pip, "--no-deps", wheel, folder=folder)
    return folder


def names(wheel: Path) -> Sequence[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize(
    "pattern",
    [
        "native/*.so",
        "native/*.pyi",
        "runtime/migrations/*.sql",
        "server/web/dist/*",
        "core/py.typed",
        "sluice-*.dist-info/licenses/LICENSE",
    ],
)
def test_the_wheel_carries(wheel: Path, pattern: str) -> None:
    assert [name for name in names(wheel) if Path(name).match(pattern)]


@pytest.mark.parametrize(
    "pattern", ["*.c", "tests/*", "tools/*", "server/web/src/*", "*/node_modules/*"]
)
def test_the_wheel_does_not_carry(wheel: Path, pattern: str) -> None:
    assert not [name for name in names(wheel) if Path(name).match(pattern)]


def test_the_locked_packages_satisfy_the_wheel(environment: Path) -> None:
    run(environment / "bin" / "python", "-I", "-m", "pip", "check", folder=environment)


def test_the_command_says_its_version(environment: Path, tmp_path: Path) -> None:
    said = run(environment / "bin" / "sluice", "--version", folder=tmp_path)
    assert "0.1.0" in said


async def test_the_installed_command_starts_and_shows_the_library(
    environment: Path, tmp_path: Path
) -> None:
    command = (str(environment / "bin" / "sluice"),)
    product = Product(tmp_path / "data", command=command, folder=tmp_path)
    try:
        await product.start()
        async with product.http.get(f"{product.api}/") as response:
            page = await response.text()
            assert response.status == 200
            assert response.content_type == "text/html"
        assert "./sluice build" not in page
        assert "<script" in page
        assert await product.stop() == 0
    finally:
        await product.close()
