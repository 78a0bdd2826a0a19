"""`coalmine demo`: the main job on this machine, to watch and to break."""

from __future__ import annotations

import sys

import click

from coalmine_cli.not_installed import NotInstalledError

_EPILOG = """\b
What can be broken, with --break or the keys shown:
  udp                            all of UDP is lost without a word
  tcp:refuse                     the TCP listener is closed, clients are refused
  region=eu-west-1:50%           half of what comes from eu-west-1 is lost
  protocol=udp,zone=dc1-a:20%    labels beside each other must all match
Labels are protocol, location, region, zone and host. Green comes first: a fault
holds from 10 s after the first sum rates, or from a third of --seconds where
that is shorter.

\b
With --remediate nodes of a pool break, one act after the other:
  ingest02:kill                  its process is killed
  ingest03:udp                   it loses all of UDP without a word
  ingest01,ingest04:kill         both at once: more than may be taken out
One is to be taken out of service and brought back, of more nobody is. The exit
status is 0 only if all of it happened, and customers lost nothing meanwhile.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of the live page on 127.0.0.1.",
)
@click.option(
    "--status-port",
    type=click.IntRange(1, 65535),
    default=8081,
    show_default=True,
    help="Port of the status page for customers on 127.0.0.1.",
)
@click.option(
    "--remediate",
    is_flag=True,
    help="A game day: nodes of a pool break, and are taken out of service and brought back.",
)
@click.option("--break", "faults", multiple=True, metavar="FAULT", help="Break something; repeatable.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    help="Run unattended and stop this long after the first sum rates.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="End with one line of JSON; all other lines go to standard error.",
)
def demo(
    port: int,
    status_port: int,
    remediate: bool,
    faults: tuple[str, ...],
    seconds: float | None,
    as_json: bool,
) -> None:
    """Watch a dozen agents, a service and an aggregator on this machine, and break things."""
    try:
        from coalmine_aggregator.demo.faults import FaultError, parse_fault
        from coalmine_aggregator.demo.fleet import known_values
        from coalmine_aggregator.demo.pool.acts import PLAY, parse_act
        from coalmine_aggregator.demo.pool.run import GameDayOptions, run_game_day
        from coalmine_aggregator.demo.run import Options, run_demo
        from coalmine_aggregator.demo.stage import DemoError
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    try:
        if remediate:
            acts = tuple(map(parse_act, faults)) or PLAY
            sys.exit(
                run_game_day(GameDayOptions(port=port, acts=acts, seconds=seconds, as_json=as_json))
            )
        parsed = tuple(parse_fault(fault, known_values()) for fault in faults)
        options = Options(
            port=port, status_port=status_port, faults=parsed, seconds=seconds, as_json=as_json
        )
        sys.exit(run_demo(options))
    except FaultError as error:
        raise click.BadParameter(str(error), param_hint="--break") from None
    except DemoError as error:
        raise click.ClickException(str(error)) from None
