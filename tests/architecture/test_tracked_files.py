"""Nothing of one machine or one network gets into the repository."""

import re
from pathlib import Path

import pytest

from tests.architecture.tracked import REPOSITORY, tracked_files

# Spelt in pieces, or this file would be the first to offend.
FORBIDDEN = {
    "a registry's host": re.compile(
        r"\b(?:"
        + "|".join(("py" + r"pi\.org", r"python" + r"hosted\.org", r"npm" + r"js\.(?:org|com)"))
        + ")"
    ),
    "an index option": re.compile(
        "--(?:extra-)?index" + "-url|--find" + "-links|--trusted" + "-host"
    ),
    "an index address": re.compile(r'"resolved":\s*"http'),
    "a machine's path": re.compile(r"(?<![\w.*~$}-])/(?:work|root|opt|home/\w+)/"),
}
MAX_BYTES = 1_000_000
TEXTS = [path for path in tracked_files() if b"\0" not in path.read_bytes()[:4096]]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = FORBIDDEN[what]
    offenders = [
        f"{path.relative_to(REPOSITORY)}: {found.group()}"
        for path in TEXTS
        if (found := pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert offenders == []


def test_no_file_is_large() -> None:
    assert [path for path in tracked_files() if path.stat().st_size > MAX_BYTES] == []


def test_generated_code_is_not_tracked() -> None:
    tracked = tracked_files()
    by_cython = {path.with_suffix(".c") for path in tracked if path.suffix == ".pyx"}
    built = {".so", ".pyc"}
    assert [path for path in tracked if path.suffix in built or path in by_cython] == []


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-test.lock", "requirements-node.lock"]
)
def test_every_line_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and line[0].isalnum()]
    assert requirements
    for line in requirements:
        assert re.match(r"[\w.-]+==\S+ ", line), line
        assert "--hash=sha256:" in line, line


def test_the_locks_agree_with_each_other() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[\w.-]+==\S+", Path(REPOSITORY, name).read_text("utf-8"), re.MULTILINE)
        )

    assert pins("requirements.lock") <= pins("requirements-test.lock")
