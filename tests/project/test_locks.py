"""The lock files: hashes on everything, no index, and one version of each package in all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(path: Path) -> dict[str, set[str]]:
    """Pinned versions by name; fails on an entry without hashes."""
    found: dict[str, set[str]] = {}
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = line.split(" --hash=")
        assert hashes, f"{path.name}: {requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", digest) for digest in hashes)
        parsed = Requirement(requirement)
        (pin,) = parsed.specifier
        assert pin.operator == "=="
        found.setdefault(parsed.name.lower().replace("_", "-"), set()).add(pin.version)
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_pins_with_hashes_and_names_no_index(path: Path) -> None:
    assert entries(path)
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", path.read_text())


def test_the_locks_agree() -> None:
    dev = entries(ROOT / "requirements" / "dev.txt")
    for path in LOCKS:
        for name, versions in entries(path).items():
            # The tools that judge deploy/ are in a lock of their own, beside those of dev.
            assert versions <= dev.get(name, versions if path.name == "deploy.txt" else set()), (
                f"{path.name}: {name}"
            )


def test_the_locks_satisfy_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "base.txt": project["dependencies"],
        "aggregator.txt": project["dependencies"] + extras["aggregator"],
        "deploy.txt": [*project["dependencies"], *extras["deploy"]],
        "dev.txt": [*project["dependencies"], *extras["aggregator"], *extras["dev"]],
    }
    for file, requirements in wanted.items():
        locked = entries(ROOT / "requirements" / file)
        for text in requirements:
            requirement = Requirement(text)
            name = requirement.name.lower().replace("_", "-")
            if name == "coalmine":
                continue
            assert any(version in requirement.specifier for version in locked[name]), f"{file}: {text}"
