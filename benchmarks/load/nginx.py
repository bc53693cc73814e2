"""nginx as a file server and as a cache, in the configurations that might be its best."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.contestant import Contestant
from benchmarks.load.process import free_ports, server_process
from benchmarks.load.works import PUBLIC_FOLDER, object_body


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration: its name, its directives, and options of its listening socket."""

    name: str
    directives: str
    listen: str = ""


# tcp_nopush doubles nginx's cost at 1 MiB, and helps elsewhere: never the only one with sendfile.
FILES: Final = (
    Variant("sendfile", "sendfile on;"),
    Variant("sendfile, nopush", "sendfile on; tcp_nopush on;"),
    Variant("sendfile, sndbuf 256k", "sendfile on;", "sndbuf=256k"),
    Variant("buffers 2 32k", "sendfile off;"),
    Variant("buffers 1 128k", "sendfile off; output_buffers 1 128k;"),
    Variant("buffers 1 1m", "sendfile off; output_buffers 1 1m;"),
)
CACHE: Final = (
    Variant("sendfile", "sendfile on;"),
    Variant("sendfile, sndbuf 256k", "sendfile on;", "sndbuf=256k"),
    Variant("buffers 1 128k", "sendfile off; output_buffers 1 128k;"),
)

# What every variant has; keep-alive without end, or nginx would close after 1000 requests.
COMMON: Final = """\
    access_log off;
    aio off;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    types { video/iso.segment m4s; }
"""


def configuration(
    folder: Path, variants: Sequence[Variant], ports: Sequence[int], *, location: str, extra: str
) -> str:
    """Write a configuration file: one server for each variant, all with the same location."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    servers = "\n".join(
        f"    server {{ listen 127.0.0.1:{port} backlog=16384 {variant.listen};"
        f" {variant.directives} {location} }}"
        for variant, port in zip(variants, ports, strict=True)
    )
    return (
        f"{user}daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\n"
        f"error_log {folder}/error.log crit;\npid {folder}/nginx.pid;\n"
        "events { worker_connections 16384; }\n"
        f"http {{\n{COMMON}{temporary}\n{extra}{servers}\n}}\n"
    )


@contextmanager
def nginx_files(
    program: str, folder: Path, objects: Sequence[int], core: int
) -> Iterator[list[Contestant]]:
    """Run nginx over files on disk, which the page cache holds."""
    place = folder / "site" / PUBLIC_FOLDER.lstrip("/")
    place.mkdir(parents=True)
    for size_bytes in objects:
        (place / f"{size_bytes}.m4s").write_bytes(object_body(size_bytes))
    with nginx_site(program, folder, core) as found:
        yield found


@contextmanager
def nginx_site(program: str, folder: Path, core: int) -> Iterator[list[Contestant]]:
    """Run nginx over what lies in `site` of a folder."""
    location = f"root {folder}/site;"
    with _running(program, folder, FILES, core, {"location": location, "extra": ""}) as found:
        yield [_contestant("nginx", *each) for each in found]


@contextmanager
def nginx_cache(program: str, folder: Path, upstream: str, core: int) -> Iterator[list[Contestant]]:
    """Run nginx as a caching proxy."""
    folder.mkdir()
    path = f"proxy_cache_path {folder}/cache keys_zone=bench:10m inactive=1d use_temp_path=off;"
    location = f"location / {{ proxy_pass {upstream}; proxy_cache bench; }}"
    texts = {"location": location, "extra": f"    {path}\n"}
    with _running(program, folder, CACHE, core, texts) as found:
        yield [_contestant("nginx cache", *each) for each in found]


@contextmanager
def _running(
    program: str, folder: Path, variants: Sequence[Variant], core: int, texts: Mapping[str, str]
) -> Iterator[list[tuple[Variant, int, int]]]:
    ports = free_ports(len(variants))
    file = folder / "nginx.conf"
    file.write_text(configuration(folder, variants, ports, **texts), encoding="utf-8")
    words = (program, "-c", str(file), "-p", str(folder), "-e", str(folder / "error.log"))
    log = folder / "output.log"
    with server_process(words, cores=[core], ports=ports, log=log) as pid:
        yield [(variant, port, pid) for variant, port in zip(variants, ports, strict=True)]


def _contestant(family: str, variant: Variant, port: int, pid: int) -> Contestant:
    listen = f" listen … {variant.listen};" if variant.listen else ""
    return Contestant(
        name=f"{family}: {variant.name}",
        family=family,
        settings=variant.directives + listen,
        port=port,
        pid=pid,
    )


def version(program: str) -> str:
    """What nginx says of itself."""
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return said.stderr.strip().removeprefix("nginx version: ")
