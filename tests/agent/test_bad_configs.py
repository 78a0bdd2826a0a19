"""Every bad configuration gets exactly the error beside it: file, line, key, what, and the remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.servers.process import Process

FOLDER = Path(__file__).parent / "bad_configs"
CONFIGS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_each_has_its_error() -> None:
    assert CONFIGS
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("command", ["check", "run"])
async def test_error(name: str, command: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "coalmine_cli.main", "agent", command, f"{name}.yaml"]
    process = Process(argv, log=tmp_path / "output", cwd=FOLDER)
    await process.start()
    assert await process.wait(20) == 2
    assert process.text() == (FOLDER / f"{name}.txt").read_text()
    assert "sesame" not in process.text()
