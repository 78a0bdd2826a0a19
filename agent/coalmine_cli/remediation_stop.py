"""`coalmine remediation stop` and `resume`: the big switch, with or without an aggregator that answers.

Exit codes: 0 it is certain; 2 it is not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coalmine_cli.asking import Aggregator, AskingError, NotThereError, RefusedError
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.config_file import environment, problems_end_it
from coalmine_cli.not_installed import NotInstalledError
from coalmine_cli.remediation_acts import ROOT
from coalmine_cli.remediation_without import (
    resume_without,
    stop_without,
    stopped_json,
    stopped_text,
)
from coalmine_cli.told_remediation import Controls
from coalmine_runtime.printable import printable, printable_json

if TYPE_CHECKING:
    from coalmine_aggregator.settings import AggregatorSettings

MAX_WHY = 400

INSTALLED = Path("/etc/coalmine/aggregator.yaml")
"""Where an aggregator's host has its configuration."""

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

    The aggregator is asked. On its host it need not run: by its configuration (--config, or
    /etc/coalmine/aggregator.yaml) the stop file is written, which every start finds, and each output is
    told that nobody is out, also where the file cannot be written.
    """
    why = why.strip()
    if not 0 < len(why) <= MAX_WHY:
        raise click.BadParameter(f"expected 1 to {MAX_WHY} characters", param_hint="--why")
    try:
        told, body = aggregator.send(f"{ROOT}/stop", {"why": why}, Controls)
    except (AskingError, NotThereError) as error:
        config = configured(config)
        done = stop_without(_settings(config, error), why)
        print(stopped_json(done) if as_json else "\n".join(stopped_text(done)))
        if done.stop is None:
            raise AskingError(
                f"the stop is not certain: {done.trouble}; an aggregator that runs or starts without "
                "the file may withdraw: end it, or see to the file and stop again"
            ) from None
        if not as_json:
            print(f"Resume: coalmine remediation resume --config {config}")
        return
    by = "" if told.stopped is None else f" by {told.stopped.by}"
    _show(body, f"Stopped{by}: whoever is out comes back, nobody is withdrawn", as_json)


@click.command()
@_config
@as_json
@_asking
def resume(aggregator: Aggregator, config: Path | None, as_json: bool) -> None:
    """Let remediation go on.

    The aggregator is asked. With --config it need not run: then the stop file is removed. One that
    refuses is not gone round.
    """
    try:
        _, body = aggregator.send(f"{ROOT}/resume", {}, Controls)
    except RefusedError:
        raise  # whoever may not resume it there, or not there, must not do so past it
    except (AskingError, NotThereError) as error:
        file, was_stopped = resume_without(_settings(config, error))
        told = {"stopped": None, "file": str(file), "was_stopped": was_stopped}
        line = f"Resumed: {file} is gone" if was_stopped else f"It is not stopped: there is no {file}"
        _show(printable_json(json.dumps(told)), line, as_json)
        return
    _show(body, "It goes on: nodes are withdrawn again where the rules say so", as_json)


def configured(config: Path | None, installed: Path = INSTALLED) -> Path | None:
    """The file that was named, or else the one of this host, where it is an aggregator's."""
    return installed if config is None and installed.is_file() else config


def _settings(config: Path | None, error: Exception) -> AggregatorSettings:
    """The configuration; without one, what the aggregator answered is the end of it."""
    if config is None:
        hint = "on its host, --config AGGREGATOR.YAML does without it"
        raise AskingError(f"{error}; {hint}") from None
    print(f"coalmine remediation: {error}; by {config}", file=sys.stderr)
    try:
        from coalmine_aggregator.settings import AggregatorSettings
    except ModuleNotFoundError as missing:
        raise NotInstalledError(missing) from None
    from coalmine_runtime.settings import load

    with problems_end_it():
        return load(AggregatorSettings, config, environment())


def _show(body: str, line: str, as_json: bool) -> None:
    print(body if as_json else printable(line))
