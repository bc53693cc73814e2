"""The fuzz target: it is built from the parsers as they are, and each has a corpus and a twin."""

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.fixtures.parsers import CHECKS
from tools.gate.fuzz import CORPUS, LONGEST, TARGET
from tools.launcher.paths import HERE


def test_the_target_compiles(tmp_path: Path) -> None:
    source = tmp_path / "parsers.c"
    cython = [sys.executable, "-m", "cython", "-3", str(TARGET), "-o", str(source)]
    subprocess.run(cython, cwd=HERE.root, check=True)
    include = f"-I{sysconfig.get_paths()['include']}"
    subprocess.run(["cc", "-w", "-fsyntax-only", include, str(source)], check=True)
    assert "LLVMFuzzerTestOneInput" in source.read_text(encoding="utf-8")


def test_every_parser_has_a_branch_in_the_target_a_corpus_and_a_twin() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert set(LONGEST) == set(CHECKS)
    for parser, longest in LONGEST.items():
        assert f'b"{parser}"' in text
        inputs = [path.stat().st_size for path in (CORPUS / parser).iterdir()]
        assert inputs
        assert max(inputs) <= longest
