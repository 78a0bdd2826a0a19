"""The commands of `coalmine alerts` for people on duty: they answer, silence, look ahead.

Exit codes as of all that ask an aggregator: 1 for an alert or a silence that is not there.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import click

from coalmine_cli import option_texts
from coalmine_cli.alert_text import length, moment
from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.duty_text import on_call_table, review_table, silenced, silences_table
from coalmine_cli.told_duty import AlertAnswer, OnCall, Review, SilenceAnswer, Silences
from coalmine_runtime import clock
from coalmine_runtime.printable import printable
from coalmine_runtime.quantities import parse_seconds

_asking = asking("coalmine alerts")


@click.command()
@click.argument("alert", metavar="ID")
@click.option("--note", default="", help="For the others; kept in the audit log.")
@as_json
@_asking
def ack(aggregator: Aggregator, alert: str, note: str, as_json: bool) -> None:
    """Acknowledge an open alert: nobody else is called for it.

    ID is the alert's id, as in ingest-loss-1, or its number.
    """
    path = f"/api/v1/alerts/{quote(alert, safe='')}/ack"
    told, body = aggregator.send(path, {"note": note}, AlertAnswer)
    taken = told.alert
    since = "" if taken.acknowledged_at is None else moment(taken.acknowledged_at)
    by = f"acknowledged by {taken.acknowledged_by} since {since} UTC"
    lines = [f"{taken.id} (number {taken.number}) is {by}"]
    if taken.playbook:
        lines.append(f"Playbook {taken.playbook}")
    _show(body, lines, as_json)


@click.command()
@click.argument("alert", metavar="NUMBER")
@click.option(
    "--actionable/--not-actionable",
    default=None,
    help="Whether there was anything to do; asked for where neither is given.",
)
@click.option("--note", default="", help="For the weekly review; kept in the audit log.")
@as_json
@_asking
def review(
    aggregator: Aggregator, alert: str, actionable: bool | None, note: str, as_json: bool
) -> None:
    """Say whether there was anything to do about a closed alert.

    NUMBER is the alert's number; its id, as in ingest-loss-1, means the newest one of that id.
    """
    if actionable is None:
        actionable = click.confirm("Was there anything to do?", err=True)
    path = f"/api/v1/alerts/{quote(alert, safe='')}/review"
    told, body = aggregator.send(path, {"actionable": actionable, "note": note}, AlertAnswer)
    what = "there was something to do" if told.alert.actionable else "there was nothing to do"
    _show(body, [f"{told.alert.id} (number {told.alert.number}): {what}"], as_json)


@click.command()
@click.argument("service")
@click.option("--label", "labels", multiple=True, metavar="LABEL=VALUE", help="Only there; repeatable.")
@click.option("--location", "locations", multiple=True, help="Only from there; repeatable.")
@click.option("--class", "classes", multiple=True, help="Only alerts of this class; repeatable.")
@click.option("--for", "lasts", required=True, metavar="TIME", help="How long: 30m, 2h, 1d.")
@click.option("--why", required=True, help="What for; everybody sees it.")
@click.option("--maintenance", is_flag=True, help="Planned work, which may begin later.")
@click.option("--from", "begins", metavar="TIME", help="When maintenance begins: RFC 3339.")
@click.option("--public", default="", help="What customers read of maintenance, on the status page.")
@click.option("--preview", is_flag=True, help="Only say which alerts it would be about.")
@as_json
@_asking
def silence(
    aggregator: Aggregator,
    service: str,
    labels: tuple[str, ...],
    locations: tuple[str, ...],
    classes: tuple[str, ...],
    lasts: str,
    why: str,
    maintenance: bool,
    begins: str | None,
    public: str,
    preview: bool,
    as_json: bool,
) -> None:
    """Tell nobody of alerts of SERVICE for a while; * and ? stand for others.

    An alert that reaches further than what is named is told all the same.
    """
    if begins is not None and not maintenance:
        raise click.BadParameter("needs --maintenance: a silence begins at once", param_hint="--from")
    if public and not maintenance:
        what = "needs --maintenance: customers are told of that alone"
        raise click.BadParameter(what, param_hint="--public")
    starts_at = None if begins is None else option_texts.moment(begins, "--from")
    body: dict[str, Any] = {
        "match": {
            "service": [service],
            "class": list(classes),
            "location": list(locations),
            "labels": dict(option_texts.label(text) for text in labels),
        },
        "kind": "maintenance" if maintenance else "silence",
        "starts_at": starts_at,
        "ends_at": (clock.wall() if starts_at is None else starts_at) + _length(lasts),
        "why": why,
        "preview": preview,
        **({"public": public} if public else {}),  # an older aggregator knows no such member
    }
    told, answer = aggregator.send("/api/v1/silences", body, SilenceAnswer)
    _show(answer, silenced(told.silence, told.now), as_json)


@click.command()
@as_json
@_asking
def silences(aggregator: Aggregator, as_json: bool) -> None:
    """List what is silenced, or will be."""
    told, body = aggregator.ask("/api/v1/silences", Silences)
    _show(body, silences_table(told.silences, told.now), as_json)


@click.command()
@click.argument("silence", metavar="ID")
@as_json
@_asking
def unsilence(aggregator: Aggregator, silence: str, as_json: bool) -> None:
    """End a silence: what it held is told."""
    path = f"/api/v1/silences/{quote(silence, safe='')}/end"
    told, body = aggregator.send(path, {}, SilenceAnswer)
    lasted = length((told.silence.ended_at or told.now) - told.silence.starts_at)
    takes = told.silence.takes
    lines = [f"Silence {silence} is over, after {lasted}."]
    if takes:
        lines.append(f"Open alerts that it was about: {takes}.")
    _show(body, lines, as_json)


@click.command()
@click.option("--last", default="7d", show_default=True, help="Pages that opened in this long.")
@as_json
@_asking
def weekly(aggregator: Aggregator, last: str, as_json: bool) -> None:
    """Show the numbers for the weekly review: pages, how soon, and how many had something to do."""
    told, body = aggregator.ask(f"/api/v1/review?{urlencode({'last': last})}", Review)
    _show(body, review_table(told), as_json)


@click.command()
@as_json
@_asking
def oncall(aggregator: Aggregator, as_json: bool) -> None:
    """Show who is on call, and who is next."""
    told, body = aggregator.ask("/api/v1/oncall", OnCall)
    _show(body, on_call_table(told), as_json)


COMMANDS = (ack, review, silence, silences, unsilence, weekly, oncall)


def _show(body: str, lines: list[str], as_json: bool) -> None:
    print(body if as_json else "\n".join(printable(line) for line in lines))


def _length(text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from None
