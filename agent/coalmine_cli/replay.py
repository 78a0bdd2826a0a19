"""`coalmine aggregator replay`: what would be said of a fleet, without the fleet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from coalmine_cli.not_installed import NotInstalledError

_EPILOG = """\b
Exit codes: 0 fine; 1 with --check if something is not as a file expects; 2 if a
file or a store cannot be used.
"""


@click.command(epilog=_EPILOG)
@click.option("--check", is_flag=True, help="Compare with what each file expects.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
def replay(check: bool, files: tuple[Path, ...]) -> None:
    """Run the engine on the simulated fleets of FILES, hours in seconds.

    Prints a line of JSON for every alert that opens, changes or closes, and a summary for each file.
    Nothing is sent, received or stored.
    """
    try:
        from coalmine_aggregator.replay.files import read_all, replay_files
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime.config_error import ConfigError

    try:
        loaded = read_all(files, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if not replay_files(loaded, check=check):
        sys.exit(1)
