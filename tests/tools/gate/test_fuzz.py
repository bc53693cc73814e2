"""The fuzz targets: they are built from the parsers as they are; each has a corpus and a twin."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.parsers import CHECKS
from tools.gate import fuzz_readers
from tools.gate.fuzz import LONGEST, TARGET, headers
from tools.gate.fuzz_target import CORPUS
from tools.launcher.paths import HERE


@pytest.mark.parametrize("target", [TARGET, fuzz_readers.DRIVER], ids=lambda path: path.stem)
def test_the_target_compiles(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "target.c"
    cython = [sys.executable, "-m", "cython", "-3", str(target), "-o", str(source)]
    subprocess.run(cython, cwd=HERE.root, check=True)
    subprocess.run(["cc", "-w", "-fsyntax-only", *headers(), str(source)], check=True)
    text = source.read_text(encoding="utf-8")
    assert "LLVMFuzzerTestOneInput" in text or "LLVMFuzzerRunDriver" in text


def test_every_parser_has_a_branch_in_the_target_a_corpus_and_a_twin() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert {*LONGEST, *fuzz_readers.LONGEST} == set(CHECKS)
    for parser in LONGEST:
        assert f'b"{parser}"' in text
    for parser, longest in {**LONGEST, **fuzz_readers.LONGEST}.items():
        inputs = [path.stat().st_size for path in (CORPUS / parser).iterdir()]
        assert inputs
        assert max(inputs) <= longest
