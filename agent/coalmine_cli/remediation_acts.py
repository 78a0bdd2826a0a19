"""The commands of `coalmine remediation` that ask an aggregator: how it stands, its log, pins.

Exit codes: 0 fine; 1 there is no such node or pin; 2 it could not be asked, or cannot be done.
"""

from __future__ import annotations

from urllib.parse import urlencode

import click

from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.remediation_text import log_text, pin_text, status_text
from coalmine_cli.told_remediation import Controls, Log, Remediation
from coalmine_runtime.printable import printable

ROOT = "/api/v1/remediation"

_asking = asking("coalmine remediation")
_service = click.argument("service")
_node = click.argument("node")


@click.command()
@click.option("--service", default="", help="Only this service.")
@click.option("--all", "every", is_flag=True, help="Nodes that are well, too.")
@as_json
@_asking
def status(aggregator: Aggregator, service: str, every: bool, as_json: bool) -> None:
    """Say which nodes are out, why, and where that is in force."""
    query = f"?{urlencode({'service': service})}" if service else ""
    told, body = aggregator.ask(f"{ROOT}{query}", Remediation)
    _show(body, status_text(told, every=every), as_json)


@click.command()
@click.option("--service", default="", help="Only of this service.")
@click.option("--node", default="", help="Only of this node.")
@click.option("--last", default="", metavar="TIME", help="Only of this long: 24h, 7d.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="So many.")
@as_json
@_asking
def log(aggregator: Aggregator, service: str, node: str, last: str, limit: int, as_json: bool) -> None:
    """Tell what was done and what held it, with the evidence, the newest first."""
    given = {"service": service, "node": node, "last": last, "limit": str(limit)}
    query = urlencode({name: value for name, value in given.items() if value})
    told, body = aggregator.ask(f"{ROOT}/log?{query}", Log)
    _show(body, log_text(told), as_json)


@click.command()
@_service
@_node
@click.argument("state", type=click.Choice(["in", "out"]))
@click.option("--why", required=True, help="What for; everybody sees it.")
@as_json
@_asking
def pin(aggregator: Aggregator, service: str, node: str, state: str, why: str, as_json: bool) -> None:
    """Keep NODE of SERVICE in or out, whatever is seen of it, until it is released.

    One that is pinned out still counts: not more than the rules allow are out.
    """
    body = {"service": service, "node": node, "state": state, "why": why}
    told, answer = aggregator.send(f"{ROOT}/pins", body, Controls)
    lines = [pin_text(each) for each in told.pins if (each.service, each.node) == (service, node)]
    lines.append(f"Release it: coalmine remediation release {service} {node}")
    _show(answer, [printable(line) for line in lines], as_json)


@click.command()
@_service
@_node
@as_json
@_asking
def release(aggregator: Aggregator, service: str, node: str, as_json: bool) -> None:
    """Take the pin off NODE of SERVICE: what is seen of it counts again."""
    _, answer = aggregator.send(f"{ROOT}/release", {"service": service, "node": node}, Controls)
    _show(answer, [printable(f"{node} of {service} is released")], as_json)


def _show(body: str, lines: list[str], as_json: bool) -> None:
    print(body if as_json else "\n".join(lines))
