"""A program that is run with the full state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.actuate.command.command_output import CommandOutput
from coalmine_aggregator.actuate.command.program import ProgramError
from coalmine_aggregator.actuate.command.settings import CommandSettings
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_runtime.settings import ConfigError, loads
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import word

SCRIPT = """#!/bin/sh
# Keeps every state, one a line; fails while the file `broken` lies beside it. Fails too where two run.
set -eu
cd "$1"
mkdir turn || exit 9
if [ -e broken ]; then rmdir turn; echo "the balancer is away" >&2; exit 7; fi
cat >> states
echo >> states
rmdir turn
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the script in it."""
    script = tmp_path / "apply"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    return tmp_path


def command(folder: Path, more: str = "") -> CommandOutput:
    settings = loads(CommandSettings, f"argv: [{folder}/apply, {folder}]\n{more}", {})
    return CommandOutput(settings, "prod")


def states(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "states").read_text().splitlines()]


def withdrawn(state: dict[str, Any]) -> list[str]:
    (service,) = state["data"]["services"]
    return [each["node"] for each in service["withdrawn"]]


async def test_it_runs_at_every_change(folder: Path) -> None:
    told = command(folder)
    async with running(told, word()) as say:
        await until_out(told)
        say(word("web-3"))
        await until_out(told, "web-3")
        say(word("web-3", mode=Mode.DRY_RUN))
        await until_out(told)
    assert [withdrawn(each) for each in states(folder)] == [[], ["web-3"], []]
    assert states(folder)[0]["data"]["fleet"] == "prod"


async def test_a_status_is_trouble_and_it_is_tried_again(folder: Path) -> None:
    (folder / "broken").touch()
    told = command(folder)
    async with running(told, word("web-3")) as say:
        await until_trouble(told, "exit status 7: the balancer is away")
        assert told.standing().out is None
        say(word("web-2"))
        (folder / "broken").unlink()
        await until_out(told, "web-2")
        await until_trouble(told, "")
    assert [withdrawn(each) for each in states(folder)] == [["web-2"]]


async def test_clear_runs_it_with_nobody_out_or_says_why_not(folder: Path) -> None:
    await command(folder).clear()
    (state,) = states(folder)
    assert state["type"] == "remediation.cleared"
    assert state["data"]["services"] == []
    (folder / "broken").touch()
    with pytest.raises(ProgramError, match="the balancer is away"):
        await command(folder).clear()


async def test_clear_waits_for_a_run_and_the_next_state_is_told_again(folder: Path) -> None:
    told = command(folder)
    async with running(told, word("web-3")) as say:
        await until_out(told, "web-3")
        await told.clear()
        say(word("web-3", mode=Mode.STOPPED))
        await until_out(told)
    assert "remediation.cleared" in [each["type"] for each in states(folder)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("argv: []", "name a program"),
        ("argv: [true]", "absolute path"),
        ("argv: [/nowhere/at/all]", "may be run"),
        ("argv: [/etc/passwd]", "may be run"),
        (f"argv: [/bin/true, {'a' * 5000}]", "more than 4096 characters"),
        ("argv: [/bin/true]\ntimeout: 5m", "1s to 60s"),
        ("argv: [/bin/true]\nevery: 0s", "1s to 5m"),
    ],
)
def test_bad_settings(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        loads(CommandSettings, text, {})
