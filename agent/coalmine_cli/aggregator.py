"""`coalmine aggregator`: run one, or check its configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coalmine_cli.config_file import CONFIG, environment, problems_end_it
from coalmine_cli.not_installed import NotInstalledError
from coalmine_cli.replay import replay

if TYPE_CHECKING:
    from coalmine_aggregator.settings import AggregatorSettings


@click.group()
def aggregator() -> None:
    """Count what arrives, settle fates, raise alerts."""


aggregator.add_command(replay)


@aggregator.command()
@CONFIG
def check(config: Path) -> None:
    """Check CONFIG and every file that it names. Opens no port and no store.

    Warns of pages that nobody would hear of, or could do nothing about.
    """
    settings = _load(config)
    from coalmine_aggregator.paging.gaps import gaps

    own, remediated = settings.own_policy(), settings.remediation.services
    for gap in gaps(settings.paging_policy(), settings.policies(), own, remediated):
        print(f"{config}: warning: {gap}")
    services, receivers = len(settings.services), len(settings.notify)
    print(
        f"{config}: fine: {services} service{'s' * (services != 1)}, "
        f"{receivers} receiver{'s' * (receivers != 1)} of alerts"
    )


@aggregator.command()
@CONFIG
def run(config: Path) -> None:
    """Run as CONFIG says, until SIGTERM."""
    settings = _load(config)
    try:
        from coalmine_aggregator.run import StartError, run_until_stopped
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    try:
        run_until_stopped(settings)
    except StartError as error:
        print(f"coalmine aggregator: {error}", file=sys.stderr)
        sys.exit(2)


def _load(config: Path) -> AggregatorSettings:
    from coalmine_aggregator.settings import AggregatorSettings
    from coalmine_aggregator.status_settings import load_components
    from coalmine_runtime.settings import load

    with problems_end_it():
        settings = load(AggregatorSettings, config, environment())
        if settings.incidents.status_page is not None:
            load_components(settings.incidents.status_page)
    return settings
