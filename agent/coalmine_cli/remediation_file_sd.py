"""`coalmine remediation file-sd`: Prometheus' file of targets, from etcd."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coalmine_cli.etcd_options import reaches_etcd, run_until_stopped
from coalmine_runtime.printable import printable

if TYPE_CHECKING:
    from coalmine_aggregator.actuate.etcd.settings import EtcdSettings


@click.command("file-sd")
@click.option(
    "--out",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file, as file_sd_configs names it.",
)
@click.option("--once", is_flag=True, help="Write it, and end; exit code 1 where it stays as it is.")
@reaches_etcd
def file_sd(settings: EtcdSettings, path: Path, once: bool) -> None:
    """Keep a file of targets for Prometheus as etcd has it, until SIGTERM.

    The file stays as it is while etcd does not answer, or tells of nobody.
    """
    from coalmine_aggregator.actuate.etcd.client import EtcdClient
    from coalmine_aggregator.actuate.etcd.file_sd import FileSd
    from coalmine_runtime import logs

    whole = path.absolute()

    async def write() -> int:
        async with EtcdClient.opened(settings) as client:
            return await FileSd(client, settings.prefix, whole).refresh()

    async def keep() -> None:
        async with EtcdClient.opened(settings) as client:
            await FileSd(client, settings.prefix, whole).run()

    logs.set_up()
    if not once:
        run_until_stopped(keep())
        return
    try:
        count = asyncio.run(write())
    except (OSError, ValueError) as error:
        print(f"coalmine remediation: {path} stays as it is: {printable(str(error))}", file=sys.stderr)
        sys.exit(1)
    print(f"{path}: {count} target{'s' * (count != 1)}")
