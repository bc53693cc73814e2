"""Core and native decide: they do not wait, read a clock, roll dice or touch a file."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for room in ("core", "native") for path in (REPOSITORY / room).rglob("*.py"))
WAITS = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
CLOCK_METHODS = {"now", "today", "utcnow"}
CLOCK_OWNERS = {"date", "datetime"}
FILE_METHODS = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "unlink", "mkdir"}
FILE_FUNCTIONS = {"input", "open", "print"}


def offences(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, WAITS):
            found.append(f"line {node.lineno} waits")
        if isinstance(node, ast.Call) and is_impure(node.func):
            found.append(f"line {node.lineno} calls {ast.unparse(node.func)}")
    return found


def is_impure(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in FILE_FUNCTIONS
        case ast.Attribute(value=owner, attr=method):
            reads_clock = method in CLOCK_METHODS and last_name(owner) in CLOCK_OWNERS
            return reads_clock or method in FILE_METHODS
        case _:
            return False


def last_name(owner: ast.expr) -> str:
    return ast.unparse(owner).rpartition(".")[2]


@pytest.mark.parametrize(
    "source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)).replace("/", ".")
)
def test_a_module_of_decisions_is_pure(source: Path) -> None:
    assert offences(ast.parse(source.read_bytes())) == []


@pytest.mark.parametrize(
    "impure",
    [
        "async def f(): ...",
        "datetime.now()",
        "datetime.datetime.now(UTC)",
        "open('x')",
        "path.read_bytes()",
    ],
)
def test_the_check_itself_sees_what_is_impure(impure: str) -> None:
    assert offences(ast.parse(impure)) != []
