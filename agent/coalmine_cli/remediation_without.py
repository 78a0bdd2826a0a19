"""The big switch where no aggregator does it: the stop file, and a word to every output.

Only the aggregator's package knows them; it is imported once they are needed.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from coalmine_cli.alert_text import moment
from coalmine_cli.asking import AskingError
from coalmine_cli.told_remediation import Stop
from coalmine_runtime import clock
from coalmine_runtime.printable import printable, printable_json

if TYPE_CHECKING:
    from coalmine_aggregator.emergency_stop import Cleared
    from coalmine_aggregator.settings import AggregatorSettings


class Stopped(NamedTuple):
    """What was done: `stop` is what the file says, None where it could not be written for `trouble`;
    `was` that it was there before. Where no output could be told, `untold` says why. `lease_s` are
    seconds, `peer` the other aggregator of a pair."""

    stop: Stop | None
    was: bool
    file: Path
    trouble: str
    outputs: list[Cleared]
    untold: str
    lease_s: float
    peer: str


def stop_without(settings: AggregatorSettings, why: str) -> Stopped:
    """Writes the file, and tells the outputs whatever became of that."""
    from coalmine_aggregator.actuate.stop_file import Stop as Written
    from coalmine_aggregator.actuate.stop_file import StopFile
    from coalmine_aggregator.emergency_stop import clear_all
    from coalmine_runtime.settings import SettingError

    file, trouble, untold = StopFile(settings.stop_file()), "", ""
    cleared: list[Cleared] = []
    try:
        found = file.find()
    except OSError:
        # Nobody can say from here whether there is one: it is certain once it is written.
        found = None
    stop = found or Written(_who(), why, clock.wall())
    if found is None:
        try:
            file.write(stop)
        except OSError as error:
            trouble = f"{file.path}: {error.strerror or error}"
    try:
        cleared = asyncio.run(clear_all(settings))
    except SettingError as error:
        untold = f"remediation.outputs: {error.key}: {error}"
    return Stopped(
        stop=None if trouble else Stop(stop.by, stop.why, stop.at or None),
        was=found is not None,
        file=file.path,
        trouble=trouble,
        outputs=cleared,
        untold=untold,
        lease_s=settings.remediation.lease,
        peer="" if settings.pair is None else settings.pair.peer,
    )


def stopped_text(done: Stopped) -> list[str]:
    """A line of the file, one of each output, and who is left."""
    if done.stop is None:
        lines = [f"NOT written: {done.trouble}"]
    elif done.was:
        since = "" if done.stop.at is None else f" since {moment(done.stop.at)} UTC"
        lines = [f"Stopped already by {done.stop.by}{since}: {done.file}"]
    else:
        lines = [f"Stopped: {done.file} is written, and no aggregator that finds it withdraws anybody"]
    if done.untold:
        lines.append(f"no output was told: {done.untold}")
    for each in done.outputs:
        became = f"not told: {each.wrong}" if each.wrong else "told that nobody is out"
        lines.append(f"  {each.name}: {became}")
    if not done.outputs or any(each.wrong for each in done.outputs):
        lines += [
            f"Whoever was not told goes by the lease: all are back within {done.lease_s:g} s of the",
            "aggregator's last word, but where an output's page in docs/remediation says otherwise",
        ]
    if done.peer:
        lines.append(f"Aggregator {done.peer} has a stop file of its own: stop it there, too")
    return [printable(line) for line in lines]


def stopped_json(done: Stopped) -> str:
    """The same for programs; `stopped` is as the API has it."""
    told = {
        "stopped": done.stop,
        "file": str(done.file),
        "trouble": done.trouble,
        "outputs": [{"name": each.name, "trouble": each.wrong} for each in done.outputs],
        "untold": done.untold,
        "lease_s": done.lease_s,
        "peer": done.peer,
    }
    return printable_json(msgspec.json.encode(told).decode())


def resume_without(settings: AggregatorSettings) -> tuple[Path, bool]:
    """Removes the file: which one, and whether there was one. Raises `AskingError` where it stays."""
    from coalmine_aggregator.actuate.stop_file import StopFile

    file = StopFile(settings.stop_file())
    if file.read() is None:
        return file.path, False
    try:
        file.remove()
    except OSError as error:
        raise AskingError(f"NOT resumed: {file.path}: {error.strerror or error}") from None
    return file.path, True


def _who() -> str:
    """Whoever gives the command, for those who come next."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id that has no name
        user = f"user {os.getuid()}"
    return f"{user} at {socket.gethostname()}"
