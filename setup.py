"""The extension list and the compiler switches; everything else is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("SLUICE_DEBUG_NATIVE") == "1"
COMPILE = ["-O0", "-g3", "-UNDEBUG"] if DEBUG else ["-O3", "-g1", "-fvisibility=hidden"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function"]
PROCESSORS = len(os.sched_getaffinity(0))
# The release directives (no bounds check, no wraparound) stand in each .pyx beside the test that
# makes them safe. These overrule them, so that the debug build runs every check.
DEBUG_DIRECTIVES = {"boundscheck": True, "wraparound": True, "initializedcheck": True}


def extension(source: Path) -> Extension:
    """Describe the extension built from one ``native/_name.pyx``."""
    return Extension(
        f"native.{source.stem}",
        [source.as_posix()],
        extra_compile_args=[*COMPILE, *WARNINGS],
        depends=[header.as_posix() for header in Path("native").glob("*.h")],
    )


setup(
    ext_modules=cythonize(  # type: ignore[no-untyped-call] # Cython's own code is not annotated
        [extension(source) for source in sorted(Path("native").glob("_*.pyx"))],
        compiler_directives={"language_level": "3", "binding": True},
        force=DEBUG,
        nthreads=PROCESSORS,
    ),
    options={"build_ext": {"parallel": str(PROCESSORS)}},
)
