"""Resolves the locks anew: ``.venv/bin/python -m tools.lock``. Needs `uv` on the search path.

The tests' lock is resolved first and constrains the other: a user then runs exactly the versions
that were tested. Afterwards every supported Python is checked to have wheels for everything.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tools.launcher.paths import HERE

OLDEST, NEWEST = 11, 14
PLATFORMS = ("x86_64-manylinux_2_31", "aarch64-manylinux_2_31")
RUN, TEST, NODE = "requirements.lock", "requirements-test.lock", "requirements-node.lock"
RESOLVE = ("--universal", "--generate-hashes", "--python-version", f"3.{OLDEST}", "--no-header")
# A machine's own indexes must not leave their address in a lock.
MACHINE_PREFIXES = ("PIP_", "UV_")


def uv(*words: str) -> None:
    """Call ``uv pip compile`` without this machine's settings."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(MACHINE_PREFIXES)
    }
    command = ["uv", "pip", "compile", "--quiet", "--no-config", *words]
    subprocess.run(command, cwd=HERE.root, env=env, stdout=subprocess.DEVNULL, check=True)


def resolve(upgrade: Sequence[str]) -> None:
    """Write the three locks."""
    both = ("pyproject.toml", "--group", "build")
    uv(*RESOLVE, *upgrade, *both, "--group", "dev", "-o", TEST)
    uv(*RESOLVE, *upgrade, *both, "-c", TEST, "--no-annotate", "-o", RUN)
    uv(*RESOLVE, *upgrade, "--group", "pyproject.toml:node", "-o", NODE)


def check_wheels() -> None:
    """Fail where some supported Python would have to compile a dependency."""
    for minor in range(OLDEST, NEWEST + 1):
        for platform in PLATFORMS:
            for lock in (RUN, TEST):
                target = ("--python-version", f"3.{minor}", "--python-platform", platform)
                uv(*target, "--only-binary", ":all:", lock)


def main() -> int:
    """Resolve, upgrading with ``--upgrade``, and check."""
    try:
        resolve(sys.argv[1:])
        check_wheels()
    except (OSError, subprocess.CalledProcessError) as failure:
        print(f"tools.lock: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
