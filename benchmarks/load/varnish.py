"""Varnish with its defaults: memory storage, and its log in shared memory as it comes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.load.contestant import Contestant
from benchmarks.load.process import free_ports, server_process

STORAGE: Final = "malloc,512m"
# Its 5 s would close the idle connections before they are counted.
IDLE: Final = "timeout_idle=3600"
VCL: Final = """\
vcl 4.1;
backend default {{ .host = "{host}"; .port = "{port}"; }}
"""


@contextmanager
def varnish(program: str, folder: Path, upstream: str, core: int) -> Iterator[list[Contestant]]:
    """Run Varnish in front of the upstream, with a working folder of its own."""
    folder.mkdir()
    place = urlsplit(upstream)
    file = folder / "bench.vcl"
    file.write_text(VCL.format(host=place.hostname, port=place.port), encoding="utf-8")
    [port] = free_ports(1)
    words = [program, "-F", "-j", "none", "-n", str(folder / "work"), "-f", str(file)]
    words += ["-a", f"127.0.0.1:{port}", "-s", STORAGE, "-p", IDLE]
    log = folder / "output.log"
    with server_process(words, cores=[core], ports=[port], log=log) as pid:
        settings = f"-s {STORAGE} -p {IDLE}, the rest as it comes, vsl_mask included"
        yield [Contestant(name="varnish", family="varnish", settings=settings, port=port, pid=pid)]


def version(program: str) -> str:
    """What Varnish says of itself."""
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=True)
    return said.stderr.splitlines()[0].strip()
