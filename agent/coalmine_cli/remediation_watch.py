"""`coalmine remediation watch`: follow withdrawals in etcd, and hand them on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coalmine_cli.etcd_options import reaches_etcd, run_until_stopped

if TYPE_CHECKING:
    from coalmine_aggregator.actuate.etcd.settings import EtcdSettings


@click.command()
@click.option("--service", required=True, help="Whose nodes.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep this file as it is, in place of a line for each change.",
)
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help="Run this, without a shell, with each change on its standard input.",
)
@reaches_etcd
def watch(settings: EtcdSettings, service: str, path: Path | None, command: str | None) -> None:
    """Follow which nodes of a service are out, in etcd, until SIGTERM.

    Each change is told as one line of JSON with everybody who is out. Where etcd is not reached for as
    long as a withdrawal's lease lasts, everybody is in again.
    """
    from coalmine_aggregator.actuate.etcd.client import EtcdClient
    from coalmine_aggregator.actuate.etcd.told import ToCommand, ToFile, ToLines
    from coalmine_aggregator.actuate.etcd.watcher import Watcher
    from coalmine_runtime import logs
    from coalmine_wire.series import is_label

    if not is_label(service):
        raise click.BadParameter(f"{service!r} is no service", param_hint="--service")
    if path is not None and command is not None:
        raise click.UsageError("--file and --exec exclude each other")
    told: ToLines | ToFile | ToCommand = ToLines(service)
    if path is not None:
        told = ToFile(service, path.absolute())
    elif command is not None:
        told = ToCommand(service, _argv(command))
    logs.set_up()

    async def follow() -> None:
        async with EtcdClient.opened(settings) as client:
            await Watcher(client, settings.prefix, service, told.tell, told.confirmed).run()

    try:
        run_until_stopped(follow())
    except* OSError as errors:  # whoever read the lines is gone
        print(f"coalmine remediation: {errors.exceptions[0]}", file=sys.stderr)
        sys.exit(1)


def _argv(command: str) -> list[str]:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--exec") from None
    if not argv or not Path(argv[0]).is_absolute():
        raise click.BadParameter("expected a program by its absolute path", param_hint="--exec")
    return argv
