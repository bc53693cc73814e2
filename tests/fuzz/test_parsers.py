"""The fuzz invariant of the HTTP parsers: natively and in Python, any bytes come to the same.

The corpus is checked in: inputs with a name were written by hand, those with a hash for a name were
found by `./sluice test --fuzz`, each because it reaches code that the others do not.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.parsers import CHECKS

CORPUS = Path(__file__).parent / "corpus"
FILES = [path for name in CHECKS for path in sorted((CORPUS / name).iterdir())]
SEEDS = [(path.parent.name, path.read_bytes()) for path in FILES]
WORDS = [
    b"\r\n",
    b"\n",
    b"\x00",
    b",",
    b";",
    b'"',
    b"-",
    b"/",
    b".",
    b"%",
    b"0",
    b"9" * 20,
    b"\xff",
]


@pytest.mark.parametrize("name", CHECKS)
def test_every_parser_has_a_corpus_without_doubles(name: str) -> None:
    inputs = [data for parser, data in SEEDS if parser == name]
    assert inputs
    assert len(set(inputs)) == len(inputs)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name[:12]}")
def test_both_twins_judge_each_input_alike(path: Path) -> None:
    CHECKS[path.parent.name](path.read_bytes())


@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 4000), st.integers(0, 3), st.sampled_from(WORDS) | st.binary(max_size=4)
        ),
        max_size=4,
    ),
)
def test_both_twins_judge_spoiled_inputs_alike(
    seed: tuple[str, bytes], changes: list[tuple[int, int, bytes]]
) -> None:
    name, data = seed
    for place, removed, added in changes:
        at = place % (len(data) + 1)
        data = data[:at] + added + data[at + removed :]
    CHECKS[name](data)
