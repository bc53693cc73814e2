"""The command line of the gate: ``python -m tools.gate test|bench …``, usually by `./sluice`."""

import argparse
import signal
import sys
from collections.abc import Sequence

from tools.gate import bench, fuzz, gate, players, sanitize
from tools.gate.steps import STEPS
from tools.launcher.failure import SetupFailed
from tools.launcher.progress import say


def main(words: Sequence[str]) -> int:
    """Run one of the developers' commands and return its exit code."""
    # A shell ignores Ctrl-C in its background jobs, and the tests' processes would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if words[:1] == ["test"]:
            return test(words[1:])
        if words[:1] == ["bench"]:
            return bench.main(words[1:])
    except SetupFailed as failure:
        say(f"sluice: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        say("\nsluice: interrupted")
        return 130
    say("usage: ./sluice test … | ./sluice bench …")
    return 2


def test(words: Sequence[str]) -> int:
    """Run the whole gate, some steps of it, or pytest with the caller's own arguments."""
    parser = argparse.ArgumentParser(
        prog="./sluice test",
        description="Run every check a change must pass. Arguments that are not listed here go "
        "to pytest, which then runs alone: ./sluice test -k range tests/core",
    )
    parser.add_argument("--list", action="store_true", help="list the steps and stop")
    parser.add_argument(
        "--only",
        action="append",
        choices=[step.name for step in STEPS],
        metavar="STEP",
        help="run this step alone; may be given several times",
    )
    parser.add_argument(
        "--sanitize",
        nargs="?",
        choices=sanitize.NAMES,
        const=sanitize.ALL,
        metavar="NAME",
        help="run the tests of the compiled modules under sanitizers, and nothing else: address "
        "(with undefined behaviour), thread or all (the default); what follows goes to pytest",
    )
    parser.add_argument(
        "--fuzz",
        nargs="?",
        type=int,
        const=100,
        metavar="SECONDS",
        help="fuzz the native parsers for that many seconds (100), and nothing else",
    )
    parser.add_argument(
        "--keep", action="store_true", help="with --fuzz: take into the corpus what is new"
    )
    parser.add_argument(
        "--players",
        action="store_true",
        help="play what is published in hls.js, shaka-player, dash.js, ffmpeg, mpv, GStreamer and "
        "VLC, and nothing else; what follows goes to pytest",
    )
    options, for_pytest = parser.parse_known_args(words)
    if options.sanitize is not None:
        return sanitize.run(options.sanitize, for_pytest)
    if options.fuzz is not None:
        return fuzz.run(options.fuzz, keep=options.keep)
    if options.players:
        return players.run(for_pytest)
    if options.list:
        for step in STEPS:
            print(f"{step.name:<11}{step.purpose}")
        return 0
    if for_pytest:
        return gate.pytest_alone(for_pytest)
    chosen = [step for step in STEPS if options.only is None or step.name in options.only]
    return gate.run(chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
