"""`coalmine remediation`: what is taken out of service discovery, and why."""

from __future__ import annotations

import click


@click.group()
def remediation() -> None:
    """See which nodes are out of service discovery, and why."""
