"""A program with libFuzzer in it that tries one parser, and what becomes of its finds."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.launcher.paths import HERE

CORPUS: Final = HERE.root / "tests/fuzz/corpus"
WORK: Final = HERE.root / "build/fuzz"
FOUND_NAME: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the fuzzing of one parser came to."""

    parser: str
    runs: int
    edges: int
    inputs: int
    sound: bool


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """A program, the environment it wants, and the parser that it tries.

    Inputs have up to `longest` bytes; `words` are for libFuzzer, beside those for every target.
    """

    parser: str
    longest: int
    program: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def corpus(self) -> Path:
        """Where its inputs are checked in."""
        return CORPUS / self.parser

    @property
    def found(self) -> Path:
        """Where what it finds is kept."""
        return WORK / self.parser

    def run(self, *words: str) -> tuple[str, bool]:
        """Run libFuzzer; give what it said, and whether all went well. A find is printed."""
        crashes = WORK / "crashes"
        crashes.mkdir(parents=True, exist_ok=True)
        prefix = f"-artifact_prefix={crashes}/{self.parser}-"
        done = subprocess.run(
            [*self.program, prefix, *words], env={**os.environ, **self.environment},
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr[-6000:], flush=True)
        return done.stderr, done.returncode == 0

    def fuzz(self, seconds: int) -> Finding:
        """Look for inputs that reach further, then put all that is known before both twins."""
        self.found.mkdir(parents=True, exist_ok=True)
        print(f"\n==== {self.parser}: {seconds} s ====", flush=True)
        limits = (f"-max_total_time={seconds}", f"-max_len={self.longest}", "-timeout=10")
        said, sound = self.run(*limits, *self.words, str(self.found), str(self.corpus))
        agreed = twins_agree(self.parser, self.inputs())
        runs = re.search(r"Done (\d+) runs", said)
        edges = re.findall(r"cov: (\d+)", said)
        return Finding(
            self.parser,
            int(runs[1]) if runs else 0,
            int(edges[-1]) if edges else 0,
            len(list(self.found.iterdir())),
            sound and agreed,
        )

    def inputs(self) -> list[Path]:
        """List what is known: checked in, and found."""
        return sorted({*self.found.iterdir(), *self.corpus.iterdir()})

    def take_in(self) -> None:
        """Leave in the corpus the inputs with names, and of all others as few as reach as much."""
        for path in self.corpus.iterdir():
            if FOUND_NAME.fullmatch(path.name):
                path.replace(self.found / path.name)
        merge = ("-set_cover_merge=1", "-use_counters=0", *self.words)
        self.run(*merge, str(self.corpus), str(self.found))


def twins_agree(parser: str, inputs: list[Path]) -> bool:
    """Put inputs before the parser and its twin; what they do not agree on is named."""
    # Here, since the fixture loads the compiled modules, which other commands of the gate build.
    from tests.fixtures.parsers import CHECKS  # noqa: PLC0415

    agreed = True
    for path in inputs:
        try:
            CHECKS[parser](path.read_bytes())
        except AssertionError as difference:
            agreed = False
            print(f"{path}: the twins do not agree: {difference}", flush=True)
    return agreed


def translate(source: Path, made: Path) -> Path:
    """Give the C that Cython makes of a module."""
    words = [sys.executable, "-m", "cython", "-3", str(source), "-o", str(made)]
    subprocess.run(words, cwd=HERE.root, check=True)
    return made
