"""Looks at one answer with an ordinary client: the right status and the right bytes."""

from hashlib import sha256
from http.client import HTTPConnection
from typing import Final

from benchmarks.load.contestant import Contestant
from benchmarks.load.works import Work

TIMEOUT_S: Final = 20.0


class WrongAnswer(Exception):
    """A server answered something else than was asked for."""


def fetch(contestant: Contestant, port: int, work: Work, *, whole: bool) -> tuple[int, bytes]:
    """Ask for a work's object, or for the part of it that the work is about."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        fields = {} if whole else dict(work.fields())
        connection.request("GET", f"{contestant.folder}/{work.file}", headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def verify(contestant: Contestant, work: Work) -> None:
    """Fetch the object whole, which also warms a cache, and then as the work asks for it.

    Raises:
        WrongAnswer: a status or the bytes are wrong.
    """
    name = f"{contestant.name}, {work.title}"
    for port in contestant.ports:
        fetch(contestant, port, work, whole=True)
        status, body = fetch(contestant, port, work, whole=False)
        if status != work.status:
            raise WrongAnswer(f"{name}: status {status}, not {work.status}")
        if sha256(body).digest() != sha256(work.body()).digest():
            raise WrongAnswer(f"{name}: {len(body)} other bytes")
