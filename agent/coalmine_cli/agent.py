"""`coalmine agent`: run one, check its configuration, try one round, retire it.

Exit codes: 0 fine; 1 the command did its work and the answer is no; 2 it could not start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from coalmine_cli.config_file import CONFIG, environment, problems_end_it

if TYPE_CHECKING:
    from coalmine_agent.loaded import Loaded


@click.group()
def agent() -> None:
    """Send datapoints from this host, each second, to every endpoint of CONFIG."""


@agent.command()
@CONFIG
def run(config: Path) -> None:
    """Run as CONFIG says, until SIGTERM. SIGHUP reads CONFIG again."""
    from coalmine_agent.app import StartError, run_agent
    from coalmine_runtime.config_error import ConfigError

    try:
        run_agent(config, environment())
    except (ConfigError, StartError) as error:
        _fail(str(error))


@agent.command()
@CONFIG
def check(config: Path) -> None:
    """Check CONFIG and every file that it names. Sends nothing."""
    loaded = _load(config)
    services, endpoints = len(loaded.settings.services), len(loaded.plans)
    print(
        f"{config}: fine: agent {loaded.identity.id}, {services} service{'s' * (services != 1)}, "
        f"{endpoints} endpoint{'s' * (endpoints != 1)}"
    )
    if control := loaded.identity.control:
        print(
            f"a control agent: {control.share * 100:.3g}% of its datapoints are withheld, on purpose; "
            f"its key is {control.fingerprint}"
        )


@agent.command()
@CONFIG
def once(config: Path) -> None:
    """Send one round and print how each endpoint fared.

    One datapoint goes to every endpoint; the table has its verdict, the milliseconds that each step
    took, and its error. "sent" is what this host can see of it: that it arrived, the aggregator says.
    Nothing is reported to the broker. The exit code is 1 if something was not sent.
    """
    from coalmine_agent.one_round import run_round, table
    from coalmine_runtime import clock

    loaded = _load(config)
    round_ = run_round(loaded.plans, loaded.identity.control)
    print("\n".join(table(round_, clock.wall())))
    if not round_.good:
        sys.exit(1)


@agent.command()
@click.option("--reason", default="retired by command", show_default=True, help="Told with the state.")
@CONFIG
def retire(config: Path, reason: str) -> None:
    """Tell the aggregator that this agent is gone for good.

    Nothing is expected of it from then on. It takes the agent's configuration, on any host, and does
    not stop an agent that still runs: stop it first.
    """
    from coalmine_agent.retirement import retire as publish
    from coalmine_runtime.mqtt import BrokerError

    loaded = _load(config)
    try:
        publish(loaded, reason)
    except BrokerError as error:
        _fail(f"{config}: broker {loaded.broker.url}: {error}")
    print(f"{config}: agent {loaded.identity.id} of fleet {loaded.identity.fleet} is retired")


def _load(config: Path) -> Loaded:
    from coalmine_agent.loaded import load_agent
    from coalmine_runtime import clock

    with problems_end_it():
        boot = os.urandom(6).hex()
        return load_agent(config, environment(), boot=boot, started_at=clock.wall())


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)
