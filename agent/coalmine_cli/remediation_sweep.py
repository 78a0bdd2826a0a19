"""`coalmine remediation sweep`: bring in pods that nobody says any more are to be out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coalmine_cli.config_file import CONFIG, environment, problems_end_it
from coalmine_cli.etcd_options import run_until_stopped
from coalmine_cli.not_installed import NotInstalledError
from coalmine_runtime.printable import printable


@click.command()
@CONFIG
@click.option(
    "--older",
    default=60.0,
    show_default=True,
    type=click.FloatRange(10.0, 3600.0),
    help="Seconds that nobody has said so; an aggregator says so every 15 s at least.",
)
@click.option(
    "--every",
    default=0.0,
    type=click.FloatRange(0.0, 3600.0),
    help="Do it again after so many seconds, until SIGTERM; once if left out.",
)
def sweep(config: Path, older: float, every: float) -> None:
    """Bring in Kubernetes pods whose withdrawal nobody renews, and new pods that nobody brings in.

    CONFIG holds what `remediation.outputs.kubernetes` of the aggregator holds. Run it apart from the
    aggregator: a readiness gate stays as it is when that is gone. Exit code 1 where it did not succeed.
    """
    try:
        from coalmine_aggregator.actuate.kubernetes.kubernetes_output import KubernetesOutput
        from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
        from coalmine_aggregator.actuate.rounds import Rounds
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime import logs
    from coalmine_runtime.settings import load

    with problems_end_it():
        output = KubernetesOutput(load(KubernetesSettings, config, environment()))

    async def once() -> None:
        count = await output.sweep(older)
        if count or not every:
            print(f"{count} pod{'s' * (count != 1)} brought in", flush=True)

    async def again_and_again() -> None:
        await Rounds("sweep", once, lambda: every).run()

    logs.set_up()
    try:
        run_until_stopped(again_and_again() if every else once())
    except OSError as error:
        print(f"coalmine remediation: {printable(str(error))}", file=sys.stderr)
        sys.exit(1)
