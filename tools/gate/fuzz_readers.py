"""libFuzzer on what reads media: MP4 files, their samples and the times of these, fragments.

The target runs in the interpreter: AddressSanitizer is loaded before it, the modules are built anew
with its checks and those of UndefinedBehaviorSanitizer, and where a reader is Python in part its
lines count as edges do (tests/fuzz/target/fuzz_driver.pyx). Whatever is raised and is no refusal,
and samples that do not lie within the file, are finds. So are 10 s, or 16 MiB at once, for an input
of some kilobytes.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from tools.gate.fuzz_target import FuzzTarget, translate
from tools.launcher.paths import HERE

PROGRAM: Final = HERE.root / "tests/fuzz/target/readers.py"
DRIVER: Final = HERE.root / "tests/fuzz/target/fuzz_driver.pyx"
# How long an input for each may get.
LONGEST: Final = {"movie": 6144, "samples": 2048, "times": 6144, "fragment": 4096}
MODULES: Final = (
    *("_sample_tables", "_track_fragments", "_samples"),
    *("_sample_file", "_sample_times", "_protection", "_sealed", "_pool"),
    "_memory",
)
SHARED: Final = ("core", "origin", "tests")
WATCHED: Final = (
    "-fsanitize=fuzzer-no-link,address,undefined",
    "-fno-sanitize-recover=undefined",
    "-shared-libasan",
)
# What Cython writes adds nothing to a null pointer where an object is made without arguments, which
# C allows from C23 on.
NOT_WATCHED: Final = """
[pointer-overflow]
fun:__pyx_pw_*__cinit__
"""
# In the section that libFuzzer watches beside the compiler's counters.
LINE_COUNTERS: Final = """
__attribute__((used, section("__libfuzzer_extra_counters"))) unsigned char line_counters[32768];
"""
LIMITS: Final = ("-malloc_limit_mb=16", "-rss_limit_mb=1024")
BOXES: Final = (
    *("ftyp", "styp", "free", "moov", "mvhd", "trak", "tkhd", "edts", "elst", "mdia", "mdhd"),
    *("hdlr", "minf", "dinf", "dref", "stbl", "stsd", "stts", "ctts", "stsc", "stsz", "stz2"),
    *("stco", "co64", "stss", "stps", "sbgp", "mvex", "mehd", "trex", "moof", "mfhd", "traf"),
    *("tfhd", "tfdt", "trun", "sidx", "mfra", "tfra", "mfro", "emsg", "mdat", "wide", "udta"),
)
NUMBERS: Final = (
    r"\x00\x00\x00\x00",
    r"\xff\xff\xff\xff",
    r"\x80\x00\x00\x00",
    r"\x00\x00\x00\x01",
)


def build(clang: str, tree: Path) -> list[FuzzTarget]:
    """Lay out a tree with instrumented modules, and give the targets in it."""
    native = tree / "native"
    shutil.copytree(HERE.native, native, ignore=shutil.ignore_patterns("*.so", "*.c"))
    for room in SHARED:
        (tree / room).symlink_to(HERE.root / room)
    ignored = tree / "not_watched.txt"
    ignored.write_text(NOT_WATCHED, encoding="ascii")
    watched = (*WATCHED, f"-fsanitize-ignorelist={ignored}")
    for module in MODULES:
        source = translate(HERE.native / f"{module}.pyx", native / f"{module}.c")
        link(clang, [*watched, str(source)], native / module)
    source = translate(DRIVER, tree / "fuzz_driver.c")
    link(clang, [str(source)], tree / "fuzz_driver")
    link_fuzzer(clang, tree / "fuzzer.so")
    words = (*LIMITS, f"-dict={dictionary(tree / 'boxes.dict')}")
    program = (sys.executable, str(PROGRAM))
    known = environment(clang, tree)
    return [
        FuzzTarget(reader, longest, program, {**known, "SLUICE_FUZZ_PARSER": reader}, words)
        for reader, longest in LONGEST.items()
    ]


def link(clang: str, words: list[str], module: Path) -> None:
    """Compile a module that the interpreter can load."""
    include = sysconfig.get_paths()["include"]
    flags = [
        "-shared",
        "-fPIC",
        "-Wl,-Bsymbolic",
        "-O1",
        "-g",
        "-fno-omit-frame-pointer",
        "-w",
        f"-I{include}",
    ]
    path = f"{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([clang, *flags, *words, "-o", path], check=True)


def link_fuzzer(clang: str, path: Path) -> None:
    """Make libFuzzer a library to load first, with counters for the driver."""
    archive = library(clang, "libclang_rt.fuzzer_no_main", "a")
    whole = ["-Wl,--whole-archive", archive, "-Wl,--no-whole-archive", "-lstdc++", "-lm"]
    words = [clang, "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *whole, "-o", str(path)]
    subprocess.run(words, input=LINE_COUNTERS.encode(), check=True)


def library(clang: str, name: str, ending: str) -> str:
    """Find a part of the compiler's run-time library; its name may end with the machine's."""
    for machine in (f"-{os.uname().machine}", ""):
        asked = [clang, f"-print-file-name={name}{machine}.{ending}"]
        place = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        if Path(place).is_absolute():
            return place
    raise FileNotFoundError(f"{name}.{ending}")


def environment(clang: str, tree: Path) -> dict[str, str]:
    """Say what the interpreter needs to load the tree's modules under AddressSanitizer."""
    return {
        # libFuzzer comes first, since AddressSanitizer brings idle twins of its callbacks.
        "LD_PRELOAD": f"{tree / 'fuzzer.so'} {library(clang, 'libclang_rt.asan', 'so')}",
        # The interpreter leaks on purpose.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:verify_asan_link_order=0",
        "NATIVE_IMPL": "reference",  # the other modules are not built here
        "PYTHONHASHSEED": "0",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def dictionary(path: Path) -> Path:
    """Write the names of boxes for libFuzzer to put in, and numbers that matter."""
    path.write_text("".join(f'"{word}"\n' for word in (*BOXES, *NUMBERS)), encoding="ascii")
    return path
