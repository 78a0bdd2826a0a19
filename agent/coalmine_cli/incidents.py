"""`coalmine incidents`: what is open, all that ever was, and what people do about it.

Exit codes: 0 fine; 1 there is no such incident; 2 it could not be asked, or cannot be done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import click

from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.incident_acts import COMMANDS
from coalmine_cli.incident_detail_text import incident_text
from coalmine_cli.incident_text import incidents_table, numbers_table
from coalmine_cli.incident_writing import postmortem
from coalmine_cli.told_incidents import Entry, IncidentDetail, IncidentNumbers, Incidents

STATES: Final = ("open", "investigating", "identified", "monitoring", "resolved", "postmortem")
SHOWN: Final = 50
"""Incidents that `list` shows."""

_asking = asking("coalmine incidents")


@click.group()
def incidents() -> None:
    """See incidents, say how they stand, publish them, write them up.

    An incident is named by its number.
    """


for command in (*COMMANDS, postmortem):
    incidents.add_command(command)


@incidents.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state; open where none is said.")
@click.option("--service", default="", help="Only of this service.")
@as_json
@_asking
def list_(aggregator: Aggregator, every: bool, state: str | None, service: str, as_json: bool) -> None:
    """List the open incidents, the newest first."""
    wanted = state or ("" if every else "open")
    given = {"state": wanted, "service": service, "limit": str(SHOWN)}
    query = urlencode({name: value for name, value in given.items() if value})
    told, body = aggregator.ask(f"/api/v1/incidents?{query}", Incidents)
    _show(body, incidents_table(told, only_open=wanted == "open"), as_json)


@incidents.command()
@click.argument("number", metavar="NUMBER")
@as_json
@_asking
def show(aggregator: Aggregator, number: str, as_json: bool) -> None:
    """Show all that is known of an incident.

    How it stands, what it hit and lost, its timeline, and what customers read.
    """
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    told, body = aggregator.ask(path, IncidentDetail)
    entries: list[Entry] = list(told.entries)
    following = told.next_
    while following and not as_json:
        page, _ = aggregator.ask(f"{path}?{urlencode({'after': following})}", IncidentDetail)
        entries += page.entries
        following = page.next_
    _show(body, incident_text(told, entries), as_json)


@incidents.command()
@click.option("--last", default="90d", show_default=True, help="Incidents that opened in this long.")
@as_json
@_asking
def numbers(aggregator: Aggregator, last: str, as_json: bool) -> None:
    """Show MTTD, MTTA and MTTR.

    How long it took to detect incidents (from the first loss), to acknowledge them (from there) and to
    recover (from the first loss), by service.
    """
    told, body = aggregator.ask(
        f"/api/v1/incidents/numbers?{urlencode({'last': last})}", IncidentNumbers
    )
    _show(body, numbers_table(told), as_json)


@incidents.command()
@click.argument("number", metavar="NUMBER")
@click.argument("name", metavar="[NAME]", type=click.Choice(["opened", "resolved"]), required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write, SVG.",
)
@_asking
def snapshot(aggregator: Aggregator, number: str, name: str | None, output: Path) -> None:
    """Write a graph that is kept with an incident to a file.

    NAME is opened, as it was soon after that, or resolved, all of it; the newest where nothing is said.
    """
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    if name is None:
        told, _ = aggregator.ask(f"{path}?limit=1", IncidentDetail)
        name = told.snapshots[-1] if told.snapshots else "opened"
    body = aggregator.read(f"{path}/snapshots/{quote(name, safe='')}.svg", "image/svg+xml")
    try:
        output.write_bytes(body)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from None


def _show(body: str, lines: list[str], as_json: bool) -> None:
    print(body if as_json else "\n".join(lines))
