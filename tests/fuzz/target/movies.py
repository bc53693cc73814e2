"""Runs libFuzzer on the reader of MP4 files; tools/gate/fuzz_movies.py starts it in its tree.

The words of the command line are libFuzzer's.
"""

import importlib
import sys

import core.isobmff.box_reader
import core.isobmff.edit_list
import core.isobmff.movie
import origin.packaging.movie_file

WATCHED = (
    core.isobmff.box_reader,
    core.isobmff.edit_list,
    core.isobmff.movie,
    origin.packaging.movie_file,
)


def main() -> None:
    """Run libFuzzer with the instrumented modules."""
    driver = importlib.import_module("fuzz_driver")
    samples = importlib.import_module("native._samples")
    checks = importlib.import_module("tests.fixtures.movie_checks")
    # libFuzzer starts itself anew to merge, by its first word, which it gives to a shell.
    words = [word.encode() for word in (f"{sys.executable} {__file__}", *sys.argv[1:])]
    files = [str(module.__file__) for module in WATCHED]
    sys.exit(driver.run(words, lambda data: checks.read_movie_bytes(samples, data), files))


if __name__ == "__main__":
    main()
