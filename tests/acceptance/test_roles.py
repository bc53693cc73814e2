"""What these tests take a process of the product for."""

import asyncio
import sys
from pathlib import Path

from tests.fixtures.product import Product

# One that starts others, caught when the copy of itself has not become one of them yet.
FORKING = """
import os, sys
if os.fork():
    print("forked", flush=True)
sys.stdin.read()
"""


async def test_a_copy_that_has_not_begun_its_own_program_is_no_second_worker(
    tmp_path: Path,
) -> None:
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FORKING, "worker", stdin=pipe, stdout=pipe
    )
    assert worker.stdout is not None
    assert worker.stdin is not None
    product = Product(tmp_path, process=worker)
    try:
        await asyncio.wait_for(worker.stdout.readline(), 20)
        roles = {role: len(pids) for role, pids in product.pids().items()}
    finally:
        worker.stdin.close()
        await worker.stdout.read()  # to its end: the copy has gone, too
        await worker.wait()
        await product.close()
    assert roles == {"worker": 1, "forked": 1}
