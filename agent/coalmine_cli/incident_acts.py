"""The commands of `coalmine incidents` by which people work on them.

Exit codes as of all that ask an aggregator: 1 for an incident that is not there.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import click

from coalmine_cli import option_texts
from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.incident_text import public_text, standing
from coalmine_cli.told_incidents import IncidentAnswer, IncidentDetail

_asking = asking("coalmine incidents")
_number = click.argument("number", metavar="NUMBER")

_STATES = ("investigating", "identified", "monitoring", "resolved")


@click.command("open")
@click.argument("service")
@click.option("--title", required=True, help="What is wrong, for those who work on it.")
@click.option("--label", "labels", multiple=True, metavar="LABEL=VALUE", help="Only there; repeatable.")
@click.option("--ticket", is_flag=True, help="It can wait; else it is as bad as a page.")
@click.option("--since", metavar="TIME", help="When it began: RFC 3339; now where absent.")
@click.option("--text", default="", help="More, for those who work on it.")
@click.option("--public", default="", help="What customers read, once it is published.")
@click.option("--public-title", default="", help="What customers read as its title.")
@as_json
@_asking
def open_(
    aggregator: Aggregator,
    service: str,
    title: str,
    labels: tuple[str, ...],
    ticket: bool,
    since: str | None,
    text: str,
    public: str,
    public_title: str,
    as_json: bool,
) -> None:
    """Open an incident of SERVICE by hand.

    Alerts never move it: say yourself how it stands. Customers see it once it is published.
    """
    body: dict[str, Any] = {
        "service": service,
        "title": title,
        "scopes": [dict(option_texts.label(each) for each in labels)],
        "severity": "ticket" if ticket else "page",
        "since": None if since is None else int(option_texts.moment(since, "--since")),
        "text": text,
        "public": public,
        "public_title": public_title,
    }
    _show(*aggregator.send("/api/v1/incidents", body, IncidentAnswer), as_json)


@click.command()
@_number
@click.argument("text", default="")
@click.option("--state", type=click.Choice(_STATES), help="How far it is; as it was where absent.")
@click.option("--public", default="", help="What customers read; without it they are told no more.")
@as_json
@_asking
def update(
    aggregator: Aggregator,
    number: str,
    text: str,
    state: str | None,
    public: str,
    as_json: bool,
) -> None:
    """Say how an incident stands.

    TEXT is for those who work on it, asked for where nothing is said; customers read only --public.
    """
    if not (text or state or public):
        text = click.prompt("What is new (for those who work on it)", default="", err=True)
        public = click.prompt("For customers (empty: nothing)", default="", err=True)
    body = {"state": state, "text": text, "public": public}
    _act(aggregator, number, "update", body, as_json)


@click.command()
@_number
@click.argument("text")
@as_json
@_asking
def note(aggregator: Aggregator, number: str, text: str, as_json: bool) -> None:
    """Note something in the timeline; customers never read it."""
    _act(aggregator, number, "note", {"text": text}, as_json)


@click.command()
@_number
@click.argument("text", metavar="[TITLE]", required=False)
@click.option("--public", help="The title that customers read; an empty one is made of components.")
@as_json
@_asking
def title(
    aggregator: Aggregator, number: str, text: str | None, public: str | None, as_json: bool
) -> None:
    """Call an incident otherwise, here or for customers."""
    if text is None and public is None:
        raise click.UsageError("There is nothing to call it: give TITLE, --public or both.")
    _act(aggregator, number, "title", {"title": text, "public_title": public}, as_json)


@click.command()
@_number
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@_asking
def publish(aggregator: Aggregator, number: str, yes: bool, as_json: bool) -> None:
    """Show customers an incident.

    They see it on all components that it touches. What they will read is shown first, and asked about.
    """
    told, _ = aggregator.ask(_path(number), IncidentDetail)
    if not yes:
        lines = ["What customers will read is not known: the aggregator has no incidents.status_page."]
        if told.public is not None:
            lines = ["Customers will read", *public_text(told.public)]
        elif told.incident.awaiting_approval is not None:
            lines = [
                "Customers will read nothing of it: it touches nothing that stands on the status page."
            ]
        print("\n".join(lines), file=sys.stderr)
        click.confirm("Publish it?", abort=True, err=True)
    _act(aggregator, number, "publish", {}, as_json)


@click.command()
@_number
@as_json
@_asking
def withhold(aggregator: Aggregator, number: str, as_json: bool) -> None:
    """Keep an incident from customers, whatever it was before."""
    _act(aggregator, number, "withhold", {}, as_json)


@click.command()
@_number
@click.argument("text", default="")
@as_json
@_asking
def reopen(aggregator: Aggregator, number: str, text: str, as_json: bool) -> None:
    """Take up an incident that was resolved.

    It goes on after all; TEXT says why.
    """
    _act(aggregator, number, "reopen", {"text": text}, as_json)


@click.command()
@_number
@click.option("--into", type=int, required=True, metavar="NUMBER", help="The one that goes on.")
@as_json
@_asking
def merge(aggregator: Aggregator, number: str, into: int, as_json: bool) -> None:
    """Make an incident part of another.

    That one goes on, and takes over what was hit.
    """
    _act(aggregator, number, "merge", {"into": into}, as_json)


COMMANDS = (open_, update, note, title, publish, withhold, reopen, merge)


def _path(number: str) -> str:
    return f"/api/v1/incidents/{quote(number, safe='')}"


def _act(aggregator: Aggregator, number: str, act: str, body: dict[str, Any], as_json: bool) -> None:
    _show(*aggregator.send(f"{_path(number)}/{act}", body, IncidentAnswer), as_json)


def _show(told: IncidentAnswer, body: str, as_json: bool) -> None:
    print(body if as_json else "\n".join(standing(told.incident, told.now)))
