"""`coalmine remediation stop` and `resume`: the big switch, with or without an aggregator that answers.

Exit codes: 0 it is certain; 2 it is not.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coalmine_cli.alert_text import moment
from coalmine_cli.asking import Aggregator, AskingError, NotThereError
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.config_file import problems_end_it
from coalmine_cli.not_installed import NotInstalledError
from coalmine_cli.remediation_acts import ROOT
from coalmine_cli.told_remediation import Controls
from coalmine_runtime import clock
from coalmine_runtime.printable import printable

if TYPE_CHECKING:
    from coalmine_aggregator.settings import AggregatorSettings

MAX_WHY = 400

_asking = asking("coalmine remediation")
_config = click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    help="The aggregator's configuration: for when it does not answer.",
)


@click.command()
@click.option("--why", required=True, help="What for; everybody sees it.")
@_config
@as_json
@_asking
def stop(aggregator: Aggregator, why: str, config: Path | None, as_json: bool) -> None:
    """Stop all of remediation: whoever is out comes back, and nobody is withdrawn.

    The aggregator is asked. With --config it need not run: then the stop file is written, which every
    start finds, and each output is told that nobody is out.
    """
    why = why.strip()
    if not 0 < len(why) <= MAX_WHY:
        raise click.BadParameter(f"expected 1 to {MAX_WHY} characters", param_hint="--why")
    try:
        told, body = aggregator.send(f"{ROOT}/stop", {"why": why}, Controls)
    except (AskingError, NotThereError) as error:
        settings = _settings(config, error)
        _stop_without(settings, why)
        print(f"Resume: coalmine remediation resume --config {config}")
        return
    by = "" if told.stopped is None else f" by {told.stopped.by}"
    _show(body, f"Stopped{by}: whoever is out comes back, nobody is withdrawn", as_json)


@click.command()
@_config
@as_json
@_asking
def resume(aggregator: Aggregator, config: Path | None, as_json: bool) -> None:
    """Let remediation go on."""
    try:
        _, body = aggregator.send(f"{ROOT}/resume", {}, Controls)
    except (AskingError, NotThereError) as error:
        _resume_without(_settings(config, error))
        return
    _show(body, "It goes on: nodes are withdrawn again where the rules say so", as_json)


def _settings(config: Path | None, error: Exception) -> AggregatorSettings:
    """The configuration; without one, what the aggregator answered is the end of it."""
    if config is None:
        hint = "on its host, --config AGGREGATOR.YAML does without it"
        raise AskingError(f"{error}; {hint}") from None
    print(f"coalmine remediation: {error}", file=sys.stderr)
    try:
        from coalmine_aggregator.settings import AggregatorSettings
    except ModuleNotFoundError as missing:
        raise NotInstalledError(missing) from None
    from coalmine_runtime.settings import load

    with problems_end_it():
        return load(AggregatorSettings, config, os.environ)


def _stop_without(settings: AggregatorSettings, why: str) -> None:
    from coalmine_aggregator.actuate.stop_file import Stop, StopFile
    from coalmine_aggregator.emergency_stop import clear_all
    from coalmine_runtime.settings import SettingError

    file = StopFile(settings.stop_file())
    already = file.read()
    if already is None:
        try:
            file.write(Stop(_who(), why, clock.wall()))
        except OSError as error:
            raise AskingError(f"NOT stopped: {file.path}: {error.strerror or error}") from None
        print(f"Stopped: {file.path} is written, and no aggregator that finds it withdraws anybody")
    else:
        since = f" since {moment(already.at)} UTC" if already.at else ""
        print(printable(f"Stopped already by {already.by}{since}: {file.path}"))
    try:
        cleared = asyncio.run(clear_all(settings))
    except SettingError as error:
        cleared = []
        print(printable(f"no output was told: remediation.outputs: {error.key}: {error}"))
    for each in cleared:
        became = f"not told: {each.wrong}" if each.wrong else "told that nobody is out"
        print(printable(f"  {each.name}: {became}"))
    if not cleared or any(each.wrong for each in cleared):
        lease_s = settings.remediation.lease
        print(
            f"Whoever was not told goes by the lease: all are back within {lease_s:g} s of the\n"
            "aggregator's last word, but where an output's page in docs/remediation says otherwise"
        )
    if settings.pair is not None:
        print(f"Aggregator {settings.pair.peer} has a stop file of its own: stop it there, too")


def _resume_without(settings: AggregatorSettings) -> None:
    from coalmine_aggregator.actuate.stop_file import StopFile

    file = StopFile(settings.stop_file())
    if file.read() is None:
        print(f"It is not stopped: there is no {file.path}")
        return
    try:
        file.remove()
    except OSError as error:
        raise AskingError(f"NOT resumed: {file.path}: {error.strerror or error}") from None
    print(f"Resumed: {file.path} is gone")


def _who() -> str:
    """Whoever gives the command, for those who come next."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id that has no name
        user = f"user {os.getuid()}"
    return f"{user} at {socket.gethostname()}"


def _show(body: str, line: str, as_json: bool) -> None:
    print(body if as_json else printable(line))
