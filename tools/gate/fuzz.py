"""`./sluice test --fuzz`: libFuzzer on the parsers, and its finds before their twins.

The target of the data plane's parsers is tests/fuzz/target/parsers.pyx. It uses nothing of Python,
so that Cython's C is linked without the interpreter, whose names stay unresolved. Three oracles
watch: AddressSanitizer and UndefinedBehaviorSanitizer while it runs, MemorySanitizer on what was
found, and last the Python twins on the same. What reads media has targets of its own, see
`fuzz_readers`. What is found is kept in build/fuzz; `--keep` takes into the corpus what reaches
code that no input there does.
"""

import os
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from tools.gate import fuzz_readers
from tools.gate.fuzz_target import CORPUS, WORK, Finding, FuzzTarget, translate
from tools.launcher import apt
from tools.launcher.failure import MachineLacks
from tools.launcher.paths import HERE

TARGET: Final = HERE.root / "tests/fuzz/target/parsers.pyx"
# The parsers of the data plane, and how long an input for each may get.
LONGEST: Final = {
    "head": 4096,
    "conditional": 1024,
    "range": 1300,
    "token": 400,
    "target": 1024,
    "date": 64,
    "body": 12288,
}
WATCHED: Final = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined")
UNSET: Final = ("-fsanitize=fuzzer,memory",)
EMPTY_TARGET: Final = "int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n; }"
# What reads media runs in the interpreter, slower, and gets so many times what a parser gets.
READER_SHARES: Final = 2


def run(seconds: int, *, keep: bool) -> int:
    """Fuzz every parser for its share of the time; 0 where nothing was found."""
    clang = compiler()
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as folder:
        watched = build(clang, Path(folder, "watched"), WATCHED)
        unset = build(clang, Path(folder, "unset"), UNSET)
        targets = [target(parser, watched) for parser in LONGEST]
        readers = fuzz_readers.build(clang, Path(folder, "readers"))
        share_s = max(1, seconds // (len(targets) + READER_SHARES * len(readers)))
        findings = [try_both(each, target(each.parser, unset), share_s) for each in targets]
        findings += [each.fuzz(READER_SHARES * share_s) for each in readers]
        if keep and all(each.sound for each in findings):
            for each in (*targets, *readers):
                each.take_in()
    report(findings)
    return 0 if all(each.sound for each in findings) else 1


def target(parser: str, program: Path) -> FuzzTarget:
    """Give the program its parser."""
    environment = {"SLUICE_FUZZ_PARSER": parser}
    return FuzzTarget(parser, LONGEST[parser], (str(program),), environment)


def try_both(watched: FuzzTarget, unset: FuzzTarget, seconds: int) -> Finding:
    """Fuzz a parser, and put what is known before MemorySanitizer."""
    finding = watched.fuzz(seconds)
    _, is_set = unset.run("-runs=0", str(unset.found), str(unset.corpus))
    return replace(finding, sound=finding.sound and is_set)


def compiler() -> str:
    """Find a clang that has libFuzzer, installing it as root.

    Raises:
        MachineLacks: there is none, and we may not install it.
    """
    for package in ("clang", "libclang-rt-dev"):
        found = os.environ.get("SLUICE_CLANG") or shutil.which("clang", path=apt.search_path())
        if found is not None and has_fuzzer(found):
            return found
        if not apt.available():
            break
        apt.install([package])
    found = shutil.which("clang", path=apt.search_path())
    if found is None or not has_fuzzer(found):
        line = apt.line(["clang", "libclang-rt-dev"])
        raise MachineLacks(f"missing: clang with libFuzzer; run: {line}")
    return found


def has_fuzzer(clang: str) -> bool:
    """Whether this compiler links a fuzz target."""
    words = [clang, *WATCHED, "-x", "c", "-", "-o", "/dev/null"]
    tried = subprocess.run(words, input=EMPTY_TARGET.encode(), capture_output=True, check=False)
    return tried.returncode == 0


def build(clang: str, program: Path, watch: tuple[str, ...]) -> Path:
    """Compile the target, from Cython to a program."""
    source = translate(TARGET, program.with_suffix(".c"))
    flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-fvisibility=hidden", "-w", *headers()]
    # The module's own functions are never called, so what they would call may be missing.
    link = ["-no-pie", "-Wl,--unresolved-symbols=ignore-all"]
    words = [clang, *watch, *flags, str(source), *link, "-o", str(program)]
    subprocess.run(words, check=True)
    return program


def headers() -> list[str]:
    """Where the C of the target finds headers: Python's, and ours beside the modules."""
    return [f"-I{sysconfig.get_paths()['include']}", f"-I{HERE.native}"]


def report(findings: list[Finding]) -> None:
    """Print the table."""
    print(f"\n{'parser':<13}{'runs':>12}{'edges':>8}{'inputs':>8}")
    for each in findings:
        verdict = "sound" if each.sound else "FOUND SOMETHING"
        print(f"{each.parser:<13}{each.runs:>12}{each.edges:>8}{each.inputs:>8}  {verdict}")
    print(f"corpus: {CORPUS.relative_to(HERE.root)}; everything found: {WORK}", flush=True)
