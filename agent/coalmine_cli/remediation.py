"""`coalmine remediation`: what is taken out of service discovery, and why."""

from __future__ import annotations

import click

from coalmine_cli.remediation_file_sd import file_sd
from coalmine_cli.remediation_watch import watch


@click.group()
def remediation() -> None:
    """See which nodes are out of service discovery, and why."""


for command in (file_sd, watch):
    remediation.add_command(command)
