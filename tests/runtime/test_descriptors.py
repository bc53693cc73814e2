"""Descriptors: as many as the owner of the machine allows."""

import resource
import subprocess
import sys

CODE = """
import resource
from runtime.descriptors import raise_descriptor_limit
print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_process_takes_what_it_may_have() -> None:
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=limit,
    )
    assert [int(word) for word in done.stdout.split()] == [hard] * 3
