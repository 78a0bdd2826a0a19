"""One version, wherever it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coalmine_runtime.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = {
    "pyproject.toml": r'^version = "(.*)"$',
    "deploy/compose/compose.yaml": r"\$\{COALMINE_VERSION:-(.*?)\}",
    **{
        path.relative_to(ROOT).as_posix(): r"newTag: ([\w.]+)"
        for path in (ROOT / "deploy" / "kubernetes" / "overlays").glob("*/kustomization.yaml")
    },
}
EXAMPLE = re.compile(r"\bcoalmine[:_-](\d+\.\d+\.\d+)")


@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_deployed_is_this_version(name: str) -> None:
    found = re.findall(PATTERNS[name], (ROOT / name).read_text(), re.MULTILINE)
    assert found
    assert set(found) == {VERSION}


def test_the_overlays_are_among_them() -> None:
    assert sum(name.startswith("deploy/kubernetes/overlays/") for name in PATTERNS) >= 3


def test_what_is_shown_to_operators_is_this_version() -> None:
    shown = {
        (path.relative_to(ROOT).as_posix(), version)
        for folder in ("deploy", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in ("", ".md", ".yaml", ".yml", ".sh")
        for version in EXAMPLE.findall(path.read_text())
    }
    assert len(shown) > 4
    assert {version for _, version in shown} == {VERSION}, shown
