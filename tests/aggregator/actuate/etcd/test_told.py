"""Where a watcher's news go."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.etcd import told as told_module
from coalmine_aggregator.actuate.etcd.record import Out, record_of
from coalmine_aggregator.actuate.etcd.told import ToCommand, ToFile, ToLines
from tests.aggregator.actuate.words import withdrawal

OUT = (Out("web-1", record_of(withdrawal("web-1"), "agg-a", 20.0)),)


def check(text: str) -> None:
    told = json.loads(text)
    assert told["service"] == "ingest"
    (node,) = told["withdrawn"]
    assert (node["node"], node["phase"], node["lease_s"]) == ("web-1", "down", 20.0)


async def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ToLines("ingest")
    assert await lines.tell(OUT)
    assert await lines.tell(())
    first, second = capsys.readouterr().out.splitlines()
    check(first)
    assert json.loads(second)["withdrawn"] == []


async def test_a_file_whose_time_is_that_of_the_last_answer(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    file = ToFile("ingest", path)
    file.confirmed()  # there is none yet
    assert await file.tell(OUT)
    check(path.read_text())
    os.utime(path, (1.0, 1.0))
    file.confirmed()
    assert path.stat().st_mtime > 1.0
    assert not await ToFile("ingest", tmp_path / "nowhere" / "out.json").tell(OUT)


async def test_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    assert await ToCommand("ingest", ["/usr/bin/tee", str(path)]).tell(OUT)
    check(path.read_text())
    assert not await ToCommand("ingest", ["/bin/false"]).tell(OUT)
    assert not await ToCommand("ingest", [str(tmp_path / "nothing")]).tell(OUT)
    monkeypatch.setattr(told_module, "COMMAND_S", 0.2)
    assert not await ToCommand("ingest", ["/bin/sleep", "60"]).tell(OUT)


async def test_a_file_that_could_not_be_written_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a full disk: what it still says is not what etcd has just confirmed."""
    path = tmp_path / "out.json"
    assert await ToFile("ingest", path).tell(OUT)
    file = ToFile("ingest", path)
    os.utime(path, (1.0, 1.0))
    file.confirmed()  # what an earlier life has written
    assert path.stat().st_mtime == 1.0
    assert await file.tell(OUT)
    os.utime(path, (1.0, 1.0))

    def full(path: Path, text: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(told_module, "write_whole", full)
    assert not await file.tell(())
    file.confirmed()
    assert path.stat().st_mtime == 1.0
    monkeypatch.undo()
    assert await file.tell(())
    os.utime(path, (1.0, 1.0))
    file.confirmed()
    assert path.stat().st_mtime > 1.0
