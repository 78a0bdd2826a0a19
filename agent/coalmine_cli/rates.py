"""`coalmine rates`: what arrived of what was sent, by any labels.

Exit codes: 0 fine; 2 it could not be asked, or not so.
"""

from __future__ import annotations

from urllib.parse import urlencode

import click

from coalmine_cli.asking import Aggregator
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.rates_text import rates_table, steps_table
from coalmine_cli.told_counts import Rates

_EPILOG = """\b
Examples:
  coalmine rates --by protocol,region --last 5m
  coalmine rates --by host --where protocol=udp --where region=eu-*
  coalmine rates --by protocol --from 2026-01-31T12:00:00Z --to 2026-01-31T12:10:00Z --step 10s
"""


@click.command(epilog=_EPILOG)
@click.option("--by", default="", help="Labels to group by, separated by commas; none: one sum.")
@click.option("--last", help="This long, up to the newest settled second; 1m where nothing is said.")
@click.option("--from", "first", metavar="TIME", help="From then on: RFC 3339 or epoch seconds.")
@click.option("--to", "end", metavar="TIME", help="Until then; until now where absent.")
@click.option(
    "--where",
    multiple=True,
    metavar="LABEL=VALUE",
    help="Only series with this label; * and ? stand for others. Repeatable.",
)
@click.option("--step", help="A row for each step of time, such as 10s; none: one sum over all of it.")
@as_json
@asking("coalmine rates")
def rates(
    aggregator: Aggregator,
    by: str,
    last: str | None,
    first: str | None,
    end: str | None,
    where: tuple[str, ...],
    step: str | None,
    as_json: bool,
) -> None:
    """Show sum rates and losses: what arrived of what was sent."""
    given = {"by": by, "last": last, "from": first, "to": end, "step": step}
    query = [(name, value) for name, value in given.items() if value]
    query += [_filter(text) for text in where]
    path = "/api/v1/rates" + (f"?{urlencode(query)}" if query else "")
    told, body = aggregator.ask(path, Rates)
    lines = steps_table(told) if step else rates_table(told)
    print(body if as_json else "\n".join(lines))


def _filter(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not (label and equals):
        raise click.BadParameter(f"expected LABEL=VALUE, not {text!r}", param_hint="--where")
    return label, value
