"""`coalmine aggregator replay`: what would be said of a fleet, without the fleet."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coalmine_cli.config_file import environment
from coalmine_cli.not_installed import NotInstalledError

_EPILOG = """\b
START and END are times such as 2026-11-20T03:12:00Z (UTC unless they say
otherwise) or seconds since the epoch.

\b
Exit codes: 0 fine; 1 with --check if something is not as a file expects; 2 if a
file or a store cannot be used.
"""


@click.command(epilog=_EPILOG)
@click.option("--check", is_flag=True, help="Compare with what each file expects.")
@click.option(
    "--from-store",
    "period",
    nargs=2,
    metavar="START END",
    help="Judge what was recorded from START to before END instead.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    help="With --from-store: the aggregator's configuration to judge by.",
)
@click.option("--store", help="With --from-store: the store's URL, if not that of the configuration.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, readable=False))
def replay(
    check: bool,
    period: tuple[str, str] | None,
    config: Path | None,
    store: str | None,
    files: tuple[Path, ...],
) -> None:
    """Run the engine on the simulated fleets of FILES, hours in seconds, or on recorded history.

    Prints a line of JSON for every alert that opens, changes or closes, and a summary for each file.
    Nothing is sent, received or stored.
    """
    if period is None:
        for given, name in ((config, "--config"), (store, "--store")):
            if given is not None:
                raise click.UsageError(f"{name} goes with --from-store.")
        if not files:
            raise click.UsageError("Missing argument 'FILES...', or --from-store.")
        _replay_files(files, check=check)
        return
    if files or check:
        raise click.UsageError("--from-store takes neither FILES nor --check.")
    if config is None:
        raise click.UsageError("--from-store needs --config.")
    _replay_history(period, config, store)


def _replay_files(files: tuple[Path, ...], *, check: bool) -> None:
    try:
        from coalmine_aggregator.replay.files import read_all, replay_files
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime.config_error import ConfigError

    try:
        loaded = read_all(files, environment())
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if not replay_files(loaded, check=check):
        sys.exit(1)


def _replay_history(period: tuple[str, str], config: Path, store: str | None) -> None:
    try:
        from coalmine_aggregator.replay.history import Period, print_history
        from coalmine_aggregator.settings import AggregatorSettings
        from coalmine_aggregator.store.database import StoreError
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime.settings import ConfigError, load

    try:
        slots = Period.parse(*period)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--from-store") from None
    try:
        settings = load(AggregatorSettings, config, environment())
        print_history(settings, store or settings.store.reveal(), slots)
    except (ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
