"""What people write as options, read; what cannot be is told with the option's name."""

from __future__ import annotations

import datetime

import click


def label(text: str) -> tuple[str, str]:
    """A label and its value, of `--label`. Raises `click.BadParameter`."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise click.BadParameter(f"expected LABEL=VALUE, not {text!r}", param_hint="--label")
    return name, value


def moment(text: str, option: str) -> float:
    """A time with its zone, in seconds since the epoch. Raises `click.BadParameter`."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        what = f"expected a time such as 2026-12-24T10:00Z, not {text!r}"
        raise click.BadParameter(what, param_hint=option)
    return found.timestamp()
