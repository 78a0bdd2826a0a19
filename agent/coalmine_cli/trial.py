"""`coalmine alerts test`: a real test page to one receiver, straight from a configuration.

Exit codes: 0 it was taken, and its end too; 1 it was not; 2 the configuration does not say how.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from coalmine_cli.config_file import environment
from coalmine_cli.not_installed import NotInstalledError
from coalmine_runtime import clock
from coalmine_runtime.printable import printable


@click.command("test")
@click.argument("receiver")
@click.option("--to", default="", help="A person, or the rota whose turn it is, where it needs one.")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="The aggregator's configuration.",
)
def test(receiver: str, to: str, config: Path) -> None:
    """Send a test page to RECEIVER, an entry of notify by its name, and show each step.

    It is marked TEST, goes the way that all pages go, and is resolved afterwards.
    """
    try:
        from coalmine_aggregator.notify.links import Links
        from coalmine_aggregator.notify.trial import send_test
        from coalmine_aggregator.settings import AggregatorSettings
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime.settings import ConfigError, load

    began = clock.monotonic()

    def say(step: str, what: str) -> None:
        print(f"{clock.monotonic() - began:7.3f} s  {step:<13}  {printable(what)}", flush=True)

    try:
        settings = load(AggregatorSettings, config, environment())
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    entries = {entry.known_as: entry for entry in settings.notify}
    if receiver not in entries:
        known = ", ".join(entries) or "none"
        _refuse(f"{config} has no receiver {receiver!r} under notify; there are: {known}")
    entry, policy, now = entries[receiver], settings.paging_policy(), clock.wall()
    contact, field = "", entry.traits.address
    if field:
        name = policy.rotas[to].on_call(now) if to in policy.rotas else to
        if name not in policy.people:
            known = ", ".join((*policy.people, *policy.rotas)) or "nobody"
            _refuse(f"{receiver} needs somebody to tell: --to one of {known}")
        contact = policy.people[name].address(field)
        if not contact:
            _refuse(f"{name} has no {field}; see paging.people.{name} in {config}")
        say("person", f"{name}, by their {field}")
    elif to:
        _refuse(f"{receiver} needs nobody to tell: leave --to away")
    say("configuration", f"{receiver} is of the kind {entry.kind}")
    url = "" if settings.web.url is None else settings.web.url.text
    taken = asyncio.run(send_test(entry, settings.fleet, contact, Links(url), now, say))
    print("Taken, and resolved." if taken else "NOT taken: see above.")
    sys.exit(0 if taken else 1)


def _refuse(what: str) -> None:
    print(f"coalmine alerts: {printable(what)}", file=sys.stderr)
    sys.exit(2)
