"""Log lines: one line an event, whatever its fields hold."""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest

from coalmine_runtime.logs import Format, get_logger, set_up
from coalmine_runtime.secret import Secret


@pytest.fixture(autouse=True)
def _restore_root() -> object:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = before, level


def test_an_event_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    get_logger("agent").warning("agent.slot.missed", slot=1763608320, missed=2, why="clock step")
    line = capsys.readouterr().err
    assert line.endswith('Z warning agent.slot.missed slot=1763608320 missed=2 why="clock step"\n')


def test_a_field_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    get_logger("agent").info("agent.x", name="a\nerror forged key=1", empty="", key=Secret("hunter2"))
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert r'name="a\nerror forged key=1" empty="" key=***' in text


@pytest.mark.parametrize("format_", Format)
def test_no_field_or_traceback_drives_a_terminal(
    capsys: pytest.CaptureFixture[str], format_: Format
) -> None:
    set_up(format_)
    evil = "\x1b[2J\x07\x7f\x9b31m\u202e\ud800\r\x00"
    log = get_logger("agent")
    try:
        raise ValueError(evil)
    except ValueError as error:
        log.exception("agent.x", error, why=evil)
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert format_ is Format.TEXT or json.loads(text)["why"] == evil


def test_long_values_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    get_logger("agent").info("agent.x", name="a" * 10_000)
    assert len(capsys.readouterr().err) < 700


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(Format.JSON)
    get_logger("agent").error("agent.x", count=3, secret=Secret("hunter2"))
    entry = json.loads(capsys.readouterr().err)
    assert entry["event"] == "agent.x"
    assert (entry["level"], entry["count"], entry["secret"]) == ("error", 3, "***")


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(level="warning")
    get_logger("agent").info("agent.x")
    assert capsys.readouterr().err == ""


def set_up_for_the_journal(monkeypatch: pytest.MonkeyPatch, format_: Format = Format.TEXT) -> None:
    """Standard error is what `JOURNAL_STREAM` names. Called in the test itself: what captures it takes
    another file than while fixtures were made."""
    stream = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    set_up(format_)


def test_the_journal_gets_priorities_and_no_time(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_for_the_journal(monkeypatch)
    get_logger("agent").error("agent.x")
    assert capfd.readouterr().err == "<3>error agent.x\n"


def test_the_journal_gets_the_priority_of_json_lines(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_for_the_journal(monkeypatch, Format.JSON)
    get_logger("agent").warning("agent.x")
    line = capfd.readouterr().err
    assert line.startswith("<4>{")
    assert json.loads(line[3:])["event"] == "agent.x"


def test_the_journal_gets_the_priority_of_every_line_of_a_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_for_the_journal(monkeypatch)
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        get_logger("agent").exception("agent.x", error)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


def test_a_child_of_a_service_that_writes_elsewhere_has_a_log_of_its_own(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    set_up()
    get_logger("agent").error("agent.x")
    assert capfd.readouterr().err.endswith("Z error agent.x\n")
