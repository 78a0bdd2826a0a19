"""`coalmine alerts`: what is open at an aggregator, and why.

Exit codes: 0 fine; 1 there is no such alert; 2 it could not be asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from coalmine_cli.alert_text import alerts_table, explanation
from coalmine_cli.asking import Aggregator, AskingError, NotThereError, read_token
from coalmine_cli.told import Alerts, Explained

URL = "http://127.0.0.1:8080"
CLOSED = 50
"""Closed alerts that `list --all` shows."""

_OPTIONS = (
    click.option("--url", envvar="COALMINE_URL", default=URL, show_default=True, show_envvar=True),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        help="Where a token is needed; or the token itself in COALMINE_TOKEN.",
    ),
    click.option(
        "--ca-file",
        envvar="COALMINE_CA_FILE",
        show_envvar=True,
        type=click.Path(path_type=Path),
        help="Certificates to trust, PEM; the system's where absent.",
    ),
    click.option("--json", "as_json", is_flag=True, help="The API's answer as it is."),
)


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the aggregator that the options name, and its exit codes."""

    @wraps(command)
    def run(url: str, token_file: Path | None, ca_file: Path | None, **rest: Any) -> None:
        try:
            # On the command line every user of the host could read it. An empty one is as good as none.
            secret = read_token(os.environ.get("COALMINE_TOKEN") or None, token_file)
            command(Aggregator(url, secret, ca_file), **rest)
        except NotThereError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        except AskingError as error:
            print(f"coalmine alerts: {error}", file=sys.stderr)
            sys.exit(2)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


@click.group()
def alerts() -> None:
    """See what is open, and why."""


@alerts.command("list")
@click.option("--all", "closed", is_flag=True, help="Those lately closed, too.")
@_asking
def list_(aggregator: Aggregator, closed: bool, as_json: bool) -> None:
    """List the open alerts, the oldest first."""
    told, body = aggregator.ask(f"/api/v1/alerts?limit={CLOSED}", Alerts)
    _show(body, alerts_table(told, closed=closed), as_json)


@alerts.command()
@click.argument("alert", metavar="ID")
@_asking
def explain(aggregator: Aggregator, alert: str, as_json: bool) -> None:
    """Say why an alert opened, and what happened to it since.

    ID is the alert's id, as in ingest-loss-1: then the newest one of that id is meant; or its number.
    """
    told, body = aggregator.ask(f"/api/v1/alerts/{quote(alert, safe='')}/explain", Explained)
    _show(body, explanation(told), as_json)


def _show(body: bytes, lines: list[str], as_json: bool) -> None:
    print(body.decode() if as_json else "\n".join(lines))
