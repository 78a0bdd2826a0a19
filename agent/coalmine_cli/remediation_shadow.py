"""`coalmine remediation shadow`: what remediation would have done, by what was recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coalmine_cli.config_file import environment
from coalmine_cli.not_installed import NotInstalledError
from coalmine_runtime.quantities import parse_seconds

_EPILOG = """\b
START and END are times such as 2026-11-20T03:12:00Z (UTC unless they say
otherwise) or seconds since the epoch.

\b
Exit codes: 0 fine; 2 if the configuration or the store cannot be used, or if
nothing is asked for that could be looked at.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    required=True,
    help="The aggregator's configuration: its rules, services and store.",
)
@click.option("--last", help="So long up to now, such as 30d.  [default: 30d]")
@click.option("--from", "start", metavar="START", help="From this time on, instead of --last.")
@click.option("--to", "end", metavar="END", help="With --from: to before this time; now if absent.")
@click.option(
    "--service",
    "services",
    multiple=True,
    help="A service to ask for, in or out; those that opted in if absent. May be repeated.",
)
@click.option("--store", help="The store's URL, if not that of the configuration.")
def shadow(
    config: Path,
    last: str | None,
    start: str | None,
    end: str | None,
    services: tuple[str, ...],
    store: str | None,
) -> None:
    """Tell which nodes would have been withdrawn, when and why, and which rails would have held others.

    Recorded history is judged by the rules of a configuration, as in a dry run. Nothing is withdrawn,
    sent or stored; an aggregator may run on the store meanwhile.
    """
    try:
        from coalmine_aggregator.replay.history import Period
        from coalmine_aggregator.replay.shadow import NoServiceError, print_shadow
        from coalmine_aggregator.settings import AggregatorSettings
        from coalmine_aggregator.store.database import StoreError
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime import clock
    from coalmine_runtime.settings import ConfigError, load

    now = str(int(clock.wall()))
    if start is None:
        if end is not None:
            raise click.UsageError("--to goes with --from.")
        start = str(int(now) - _seconds(last or "30d"))
    elif last is not None:
        raise click.UsageError("Give --last or --from, not both.")
    try:
        period = Period.parse(start, end or now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--from") from None
    try:
        settings = load(AggregatorSettings, config, environment())
        url = store or settings.store.reveal()
        print_shadow(settings, url, period, services)
    except (ConfigError, StoreError, NoServiceError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _seconds(last: str) -> int:
    try:
        seconds = int(parse_seconds(last))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--last") from None
    if seconds < 1:
        raise click.BadParameter("expected a second at least", param_hint="--last")
    return seconds
