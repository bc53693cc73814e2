"""Where set-up finds and leaves things."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Tree:
    """One checkout; every path of set-up is derived from its root."""

    root: Path

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where the environment's packages lie, for the running version of Python."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.venv / "lib" / version / "site-packages"

    @property
    def stamp(self) -> Path:
        """What was set up from what; it goes when the environment goes."""
        return self.venv / "sluice-stamp.json"

    @property
    def lock(self) -> Path:
        """Held while setting up."""
        return self.root / ".venv.lock"

    @property
    def log(self) -> Path:
        """What pip, npm and the compiler said, shown when they fail."""
        return self.root / "build" / "setup.log"

    @property
    def node_wheel(self) -> Path:
        """Node for building the web pages, where the machine has none."""
        return self.root / ".venv-node"

    @property
    def web(self) -> Path:
        """The sources of the web pages."""
        return self.root / "server" / "web"

    @property
    def native(self) -> Path:
        """The sources of the extensions."""
        return self.root / "native"


HERE = Tree(ROOT)
