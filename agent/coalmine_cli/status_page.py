"""`coalmine status-page`: show customers how the service does, or check, or copy that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from coalmine_cli.config_file import CONFIG, environment, problems_end_it
from coalmine_cli.not_installed import NotInstalledError

if TYPE_CHECKING:
    from coalmine_aggregator.status_settings import StatusPageSettings


@click.group()
def status_page() -> None:
    """Show customers how the service does: read-only, in a process of its own."""


@status_page.command()
@CONFIG
def check(config: Path) -> None:
    """Check CONFIG and every file that it names. Opens no port and no store."""
    settings = _load(config)
    components = len(settings.plan().components.shown)
    print(f"{config}: fine: {components} component{'s' * (components != 1)}")


@status_page.command()
@CONFIG
def run(config: Path) -> None:
    """Run as CONFIG says, until SIGTERM."""
    settings = _load(config)
    try:
        from coalmine_aggregator.status_page.run import StartError, run_until_stopped
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    try:
        run_until_stopped(settings)
    except StartError as error:
        _fail(str(error))


@status_page.command()
@CONFIG
@click.argument("directory", type=click.Path(path_type=Path), required=False)
def export(config: Path, directory: Path | None) -> None:
    """Write a copy of the page, as it is now, to DIRECTORY, for another host.

    DIRECTORY is replaced as a whole, at once. Where it is left out, it is that of CONFIG's "export".
    """
    settings = _load(config)
    if directory is None:
        if settings.export is None:
            _fail(f'give a directory, or "export" in {config}')
        directory = settings.export.to
    try:
        from coalmine_aggregator.status_page.export import ExportError
        from coalmine_aggregator.status_page.run import StartError, export_once
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    try:
        files = export_once(settings, directory)
    except (ExportError, StartError) as error:
        _fail(str(error), status=1)
    print(f"{directory}: {files} files")


def _load(config: Path) -> StatusPageSettings:
    try:
        from coalmine_aggregator.status_settings import StatusPageSettings
        from coalmine_runtime.settings import load
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    with problems_end_it():
        return load(StatusPageSettings, config, environment())


def _fail(what: str, *, status: int = 2) -> NoReturn:
    print(f"coalmine status-page: {what}", file=sys.stderr)
    sys.exit(status)
