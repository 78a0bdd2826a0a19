"""What calls itself pure is: it imports no loop, no socket and no clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EDGES = {"asyncio", "socket", "subprocess", "threading", "time", "selectors", "signal"}
SOURCES = [path for folder in ("agent", "aggregator") for path in (ROOT / folder).rglob("*.py")]


def is_pure(tree: ast.Module) -> bool:
    return any(line.rstrip().endswith("Pure.") for line in (ast.get_docstring(tree) or "").splitlines())


def imported(tree: ast.Module) -> set[str]:
    """Modules that running it imports; those under TYPE_CHECKING are for the reader."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return names


PURE = [path for path in SOURCES if is_pure(ast.parse(path.read_text()))]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_reads_no_clock_and_no_socket(path: Path) -> None:
    modules = imported(ast.parse(path.read_text()))
    assert not {name for name in modules if name.partition(".")[0] in EDGES}
    assert "coalmine_runtime.clock" not in modules


def test_the_core_says_that_it_is_pure() -> None:
    core = ROOT / "aggregator" / "coalmine_aggregator"
    for folder in ("model", "ledger", "detect", "localise", "judge", "alerts", "paging"):
        for path in (core / folder).glob("*.py"):
            assert path in PURE, path
