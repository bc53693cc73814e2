"""`./sluice test --fuzz`: libFuzzer on the data plane's parsers, and its finds before their twins.

The target is tests/fuzz/target/parsers.pyx. It uses nothing of Python, so that Cython's C is linked
without the interpreter, whose names stay unresolved. Three oracles watch: AddressSanitizer and
UndefinedBehaviorSanitizer while it runs, MemorySanitizer on what was found, and last the Python
twins on the same. What is found is kept in build/fuzz; `--keep` takes into the corpus what reaches
code that no input there does.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.launcher import apt
from tools.launcher.failure import MachineLacks
from tools.launcher.paths import HERE

TARGET: Final = HERE.root / "tests/fuzz/target/parsers.pyx"
CORPUS: Final = HERE.root / "tests/fuzz/corpus"
WORK: Final = HERE.root / "build/fuzz"
# The parsers, and how long an input for each may get.
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
FOUND_NAME: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the fuzzing of one parser came to."""

    parser: str
    runs: int
    edges: int
    inputs: int
    sound: bool


def run(seconds: int, *, keep: bool) -> int:
    """Fuzz every parser for its share of the time; 0 where nothing was found."""
    clang = compiler()
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as folder:
        watched = build(clang, Path(folder, "watched"), WATCHED)
        unset = build(clang, Path(folder, "unset"), UNSET)
        share_s = max(1, seconds // len(LONGEST))
        findings = [fuzz(parser, watched, unset, share_s) for parser in LONGEST]
        if keep and all(each.sound for each in findings):
            for parser in LONGEST:
                take_in(parser, watched)
    report(findings)
    return 0 if all(each.sound for each in findings) else 1


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
    source = program.with_suffix(".c")
    cython = [sys.executable, "-m", "cython", "-3", str(TARGET), "-o", str(source)]
    subprocess.run(cython, cwd=HERE.root, check=True)
    include = sysconfig.get_paths()["include"]
    flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-fvisibility=hidden", "-w", f"-I{include}"]
    # The module's own functions are never called, so what they would call may be missing.
    link = ["-no-pie", "-Wl,--unresolved-symbols=ignore-all"]
    words = [clang, *watch, *flags, str(source), *link, "-o", str(program)]
    subprocess.run(words, check=True)
    return program


def fuzz(parser: str, watched: Path, unset: Path, seconds: int) -> Finding:
    """Fuzz one parser, then put all that is known before the other oracles."""
    found = WORK / parser
    found.mkdir(parents=True, exist_ok=True)
    print(f"\n==== {parser}: {seconds} s ====", flush=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST[parser]}", "-timeout=10"]
    said, sound = libfuzzer(watched, parser, [*limits, str(found), str(CORPUS / parser)])
    _, is_set = libfuzzer(unset, parser, ["-runs=0", str(found), str(CORPUS / parser)])
    agreed = twins_agree(parser, sorted({*found.iterdir(), *(CORPUS / parser).iterdir()}))
    runs = re.search(r"Done (\d+) runs", said)
    edges = re.findall(r"cov: (\d+)", said)
    return Finding(
        parser,
        int(runs[1]) if runs else 0,
        int(edges[-1]) if edges else 0,
        len(list(found.iterdir())),
        sound and is_set and agreed,
    )


def libfuzzer(program: Path, parser: str, words: list[str]) -> tuple[str, bool]:
    """Run the target; give what it said, and whether all went well. A find is printed."""
    crashes = WORK / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    prefix = f"-artifact_prefix={crashes}/{parser}-"
    env = {**os.environ, "SLUICE_FUZZ_PARSER": parser}
    done = subprocess.run(
        [str(program), prefix, *words], env=env, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stderr[-6000:], flush=True)
    return done.stderr, done.returncode == 0


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


def take_in(parser: str, watched: Path) -> None:
    """Leave in the corpus the inputs that have names, and of all others as few as reach as much."""
    corpus, found = CORPUS / parser, WORK / parser
    for path in corpus.iterdir():
        if FOUND_NAME.fullmatch(path.name):
            path.replace(found / path.name)
    libfuzzer(watched, parser, ["-merge=1", "-use_counters=0", str(corpus), str(found)])


def report(findings: list[Finding]) -> None:
    """Print the table."""
    print(f"\n{'parser':<13}{'runs':>12}{'edges':>8}{'inputs':>8}")
    for each in findings:
        verdict = "sound" if each.sound else "FOUND SOMETHING"
        print(f"{each.parser:<13}{each.runs:>12}{each.edges:>8}{each.inputs:>8}  {verdict}")
    print(f"corpus: {CORPUS.relative_to(HERE.root)}; everything found: {WORK}", flush=True)
