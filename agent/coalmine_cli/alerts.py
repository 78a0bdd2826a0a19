"""`coalmine alerts`: what is open at an aggregator, why, and what is done about it.

Exit codes: 0 fine; 1 there is no such alert; 2 it could not be asked.
"""

from __future__ import annotations

from urllib.parse import quote

import click

from coalmine_cli.alert_text import alerts_table, explanation
from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.duty import COMMANDS
from coalmine_cli.told import Alerts, Explained
from coalmine_cli.trial import test

CLOSED = 50
"""Closed alerts that `list --all` shows."""

_asking = asking("coalmine alerts")


@click.group()
def alerts() -> None:
    """See what is open, and why; acknowledge, silence, look ahead and back."""


for command in (*COMMANDS, test):
    alerts.add_command(command)


@alerts.command("list")
@click.option("--all", "closed", is_flag=True, help="Those lately closed, too.")
@as_json
@_asking
def list_(aggregator: Aggregator, closed: bool, as_json: bool) -> None:
    """List the open alerts, the oldest first."""
    told, body = aggregator.ask(f"/api/v1/alerts?limit={CLOSED}", Alerts)
    _show(body, alerts_table(told, closed=closed), as_json)


@alerts.command()
@click.argument("alert", metavar="ID")
@as_json
@_asking
def explain(aggregator: Aggregator, alert: str, as_json: bool) -> None:
    """Say why an alert opened, and what happened to it since.

    ID is the alert's id, as in ingest-loss-1: then the newest one of that id is meant; or its number.
    """
    told, body = aggregator.ask(f"/api/v1/alerts/{quote(alert, safe='')}/explain", Explained)
    _show(body, explanation(told), as_json)


def _show(body: str, lines: list[str], as_json: bool) -> None:
    print(body if as_json else "\n".join(lines))
