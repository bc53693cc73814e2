"""Runs libFuzzer on one reader of media; tools/gate/fuzz_readers.py starts it in its tree.

The words of the command line are libFuzzer's.
"""

import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import NamedTuple

import core.isobmff.box_reader
import core.isobmff.edit_list
import core.isobmff.movie
import origin.packaging.movie_file
from tests.fixtures.fragment_checks import read_fragment
from tests.fixtures.movie_checks import read_movie_bytes
from tests.fixtures.sample_checks import read_samples, read_times


class Reader(NamedTuple):
    """What reads an input, the compiled module that it gets, and files whose lines count."""

    read: Callable[[ModuleType, bytes], object]
    module: str
    watched: tuple[ModuleType, ...] = ()


READERS = {
    "movie": Reader(
        read_movie_bytes,
        "native._samples",
        (
            core.isobmff.box_reader,
            core.isobmff.edit_list,
            core.isobmff.movie,
            origin.packaging.movie_file,
        ),
    ),
    "samples": Reader(read_samples, "native._sample_file"),
    "times": Reader(read_times, "native._sample_times"),
    "fragment": Reader(read_fragment, "native._protection"),
}


def main() -> None:
    """Run libFuzzer with the instrumented modules."""
    reader = READERS[os.environ["SLUICE_FUZZ_PARSER"]]
    driver = importlib.import_module("fuzz_driver")
    # libFuzzer starts itself anew to merge, by its first word, which it gives to a shell.
    words = [word.encode() for word in (f"{sys.executable} {__file__}", *sys.argv[1:])]
    files = [str(module.__file__) for module in reader.watched]
    module = importlib.import_module(reader.module)
    sys.exit(driver.run(words, partial(reader.read, module), files))


if __name__ == "__main__":
    main()
