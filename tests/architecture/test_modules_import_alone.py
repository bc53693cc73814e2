"""Every module of every room can be the first one a process imports."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "server", "origin", "edge", "runtime", "core", "native", "benchmarks", "tools")
DEADLINE_S = 240

# One interpreter loads the libraries, then forks for each module: the child has none of our other
# modules yet, which is the point, and does not pay for the libraries again.
FORK_AND_IMPORT = """
import importlib, os, sys, traceback
for library in ("aiofiles", "aiohttp", "aiohttp.web", "asyncpg", "av", "msgspec", "obstore",
                "pgqueuer", "prometheus_client", "pydantic_settings", "redis.asyncio", "rich",
                "structlog", "typer", "uvloop"):
    importlib.import_module(library)
failed = False
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            print(f"{name} does not import alone", flush=True)
            traceback.print_exc(limit=-3)
            os._exit(1)
        os._exit(0)
    failed |= os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


def module_name(source: Path) -> str:
    parts = source.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_module_can_be_imported_first() -> None:
    sources = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
    names = [module_name(path) for path in sources if "node_modules" not in path.parts]
    assert len(names) > len(ROOMS)
    outcome = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", FORK_AND_IMPORT, *names],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
